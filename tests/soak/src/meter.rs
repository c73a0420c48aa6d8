//! What the survivors hold, and whether it grows.

use core::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::stage::Stage;

/// What those hold who live through everything, together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Memory of their own.
    pub(crate) anonymous_kib: u64,
    /// Memory of any kind, with what they map.
    resident_kib: u64,
    /// Open files.
    pub(crate) files: u64,
    /// Space that all files in shared memory take.
    pub(crate) shared_kib: u64,
}

impl Sample {
    pub(crate) fn take(stage: &Stage) -> Result<Self, String> {
        let mut sample = Self::default();
        for process in stage.survivors() {
            let dir = PathBuf::from(format!("/proc/{}", process.pid()));
            let failed = |error| process.complaint(&format!("cannot be looked at: {error}"));
            let status = fs::read_to_string(dir.join("status")).map_err(failed)?;
            let kib = |key| {
                let line = status.lines().find_map(|line| line.strip_prefix(key));
                let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
                number
                    .and_then(|text| text.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            sample.anonymous_kib += kib("RssAnon:");
            sample.resident_kib += kib("VmRSS:");
            sample.files += fs::read_dir(dir.join("fd")).map_err(failed)?.count() as u64;
        }
        let files = files_below(stage.root());
        let blocks = files.iter().filter_map(|path| fs::metadata(path).ok());
        sample.shared_kib = blocks.map(|file| file.blocks() / 2).sum();
        Ok(sample)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            anonymous_kib,
            resident_kib,
            files,
            shared_kib,
        } = self;
        write!(
            f,
            "survivors: {anonymous_kib} KiB of their own, {resident_kib} KiB resident, {files} files; {shared_kib} KiB shared"
        )
    }
}

/// The first sample, after one round of everything, says what is usual.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    usual: Option<Sample>,
    last: Sample,
}

impl Growth {
    pub(crate) fn judge(&mut self, sample: Sample) -> Result<(), String> {
        self.last = sample;
        let usual = *self.usual.get_or_insert(sample);
        // Room for what comes late, for epochs that wait for their collection, and for Aeron's buffers, which fill slowly.
        let bounds = [
            (
                "memory",
                sample.anonymous_kib,
                usual.anonymous_kib * 5 / 4 + (16 << 10),
            ),
            ("open files", sample.files, usual.files + 32),
            (
                "shared memory",
                sample.shared_kib,
                usual.shared_kib + (256 << 10),
            ),
        ];
        match bounds.into_iter().find(|(_, now, bound)| now > bound) {
            Some((what, now, bound)) => {
                Err(format!("{what} grew to {now}, more than {bound}: {sample}"))
            }
            None => Ok(()),
        }
    }

    pub(crate) const fn last(&self) -> Sample {
        self.last
    }
}

pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_beyond_the_first_round_is_said() {
        let usual = Sample {
            anonymous_kib: 10_000,
            resident_kib: 60_000,
            files: 22,
            shared_kib: 44_000,
        };
        let mut growth = Growth::default();
        assert_eq!(growth.judge(usual), Ok(()));
        for (grown, what) in [
            (
                Sample {
                    anonymous_kib: 30_000,
                    ..usual
                },
                "memory grew to 30000",
            ),
            (Sample { files: 60, ..usual }, "open files grew to 60"),
            (
                Sample {
                    shared_kib: 320_000,
                    ..usual
                },
                "shared memory grew to 320000",
            ),
        ] {
            assert!(growth.judge(grown).unwrap_err().starts_with(what));
        }
        assert_eq!(growth.judge(usual), Ok(()));
    }
}

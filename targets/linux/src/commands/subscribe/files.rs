//! Frames into files, written by a thread of its own: reading never waits for a disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;

use crate::tensor::{Tensor, TensorError, write_npy, write_png};

/// How many frames may wait for the disk.
const WAITING: usize = 16;

/// What the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Npy,
    Png,
}

/// A frame on its way to the disk.
struct Job {
    path: PathBuf,
    header: TensorHeader,
    payload: Vec<u8>,
}

/// A directory that receives one file per frame, named after epoch and sequence number.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    format: Format,
    jobs: SyncSender<Job>,
    writer: JoinHandle<Result<u64, String>>,
    lost: u64,
}

/// What became of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Files that were written.
    pub(super) written: u64,
    /// Frames for which the disk was too slow.
    pub(super) lost: u64,
}

impl Files {
    /// Files in `dir`, which is created where it is missing.
    pub(super) fn new(dir: &Path, format: Format) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", dir.display());
        fs::create_dir_all(dir).map_err(failed)?;
        let (jobs, waiting) = sync_channel(WAITING);
        let writer = thread::Builder::new()
            .name("tp-files".into())
            .spawn(move || write_all(&waiting, format))
            .map_err(failed)?;
        Ok(Self {
            dir: dir.into(),
            format,
            jobs,
            writer,
            lost: 0,
        })
    }

    /// Takes over one frame, or counts it as lost. `false` if writing failed before and nothing will be written any more.
    pub(super) fn take(
        &mut self,
        epoch: Epoch,
        seq: Seq,
        header: &TensorHeader,
        payload: Vec<u8>,
    ) -> bool {
        let ending = match self.format {
            Format::Npy => "npy",
            Format::Png => "png",
        };
        // Padded, so that names sort as the frames came.
        let name = format!("{epoch}-{:08}.{ending}", seq.get());
        let job = Job {
            path: self.dir.join(name),
            header: *header,
            payload,
        };
        match self.jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost = self.lost.saturating_add(1);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Waits for the last file.
    pub(super) fn finish(self) -> Result<Outcome, String> {
        drop(self.jobs);
        let written = match self.writer.join() {
            Ok(written) => written?,
            Err(_) => return Err("the thread that writes the files ended".into()),
        };
        let lost = self.lost;
        Ok(Outcome { written, lost })
    }
}

/// Writes what arrives until nothing more can; ends with the first failure.
fn write_all(jobs: &Receiver<Job>, format: Format) -> Result<u64, String> {
    let mut written = 0_u64;
    for job in jobs {
        let path = job.path.clone();
        write(job, format).map_err(|error| format!("{}: {error}", path.display()))?;
        written = written.saturating_add(1);
    }
    Ok(written)
}

fn write(job: Job, format: Format) -> Result<(), TensorError> {
    let tensor = Tensor::of_frame(&job.header, job.payload)?;
    let mut file = BufWriter::new(File::create(&job.path)?);
    let written = match format {
        Format::Npy => write_npy(&tensor, &mut file),
        Format::Png => write_png(&tensor, &mut file),
    };
    let written = written.and_then(|()| Ok(file.flush()?));
    if written.is_err() {
        // Half a file helps nobody; why there is none is what counts.
        let _: io::Result<()> = fs::remove_file(&job.path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::read_file;
    use tp_core_nostd::shm::{Dtype, MajorOrder};

    fn taken(dir: &Path, format: Format, dtype: Dtype) -> Result<Outcome, String> {
        let mut files = Files::new(dir, format).unwrap();
        let header = TensorHeader::contiguous(dtype, MajorOrder::Row, &[1, 2]).unwrap();
        let payload = vec![7; 2 * usize::from(dtype.element_len())];
        for seq in [3, 4] {
            files.take(
                Epoch::new(9).unwrap(),
                Seq::new(seq).unwrap(),
                &header,
                payload.clone(),
            );
        }
        files.finish()
    }

    #[test]
    fn each_frame_becomes_a_file_that_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        for (format, ending) in [(Format::Npy, "npy"), (Format::Png, "png")] {
            let (written, lost) = (2, 0);
            let outcome = taken(&dir.path().join("new"), format, Dtype::Uint16);
            assert_eq!(outcome, Ok(Outcome { written, lost }));
            let file = dir.path().join(format!("new/9-00000004.{ending}"));
            let tensor = read_file(&file).unwrap();
            assert_eq!((tensor.dims, tensor.bytes), (vec![1, 2], vec![7; 4]));
        }
    }

    #[test]
    fn what_cannot_be_written_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let refused = taken(dir.path(), Format::Png, Dtype::Float32).unwrap_err();
        assert!(refused.contains("9-00000003.png"), "{refused}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

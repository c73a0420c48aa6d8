//! Frames are overwritten at full speed while two threads read them through mappings of their own; every payload carries a
//! hash of its content. `make torture READS=N`: the last line is a JSON object, and the program fails if one frame was torn.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test program: what fails here fails the run"
)]

mod content;
mod stage;

use core::sync::atomic::{AtomicBool, Ordering};
use std::process::ExitCode;
use std::thread;

use stage::Stage;

/// Threads that read.
const READERS: u64 = 2;
/// Read attempts unless the command line says else.
const READS: u64 = 100_000_000;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let reads = match reads(&arguments) {
        Ok(reads) => reads,
        Err(why) => {
            eprintln!("tp-torture: {why}");
            return ExitCode::from(2);
        }
    };
    let (read, written) = torture(reads);
    println!("{written} frames written, {read:?}");
    let verdict = match read.torn == 0 && read.accepted > 0 {
        true => "ok",
        false => "failed",
    };
    println!(
        r#"{{"torture":"{verdict}","reads":{},"accepted":{},"torn":{}}}"#,
        read.reads, read.accepted, read.torn
    );
    ExitCode::from(u8::from(verdict != "ok"))
}

/// How many reads the command line asks for.
fn reads(arguments: &[String]) -> Result<u64, String> {
    match arguments {
        [] => Ok(READS),
        [reads] => reads.parse().map_err(|_| {
            format!(
                "READS is a whole number, such as {READS}, not {reads:?}; usage: tp-torture [READS]"
            )
        }),
        [_, more, ..] => Err(format!("there is nothing after READS, so not {more:?}")),
    }
}

/// What readers met.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    /// Attempts.
    reads: u64,
    /// Frames that passed every check.
    accepted: u64,
    /// Frames that were refused, or overwritten while they were copied.
    dropped: u64,
    /// Frames that passed every check with another content than they were written with.
    torn: u64,
}

/// Reads so often altogether; what came of it, and how many frames were written meanwhile.
fn torture(reads: u64) -> (Read, u64) {
    let stage = Stage::new();
    let done = AtomicBool::new(false);
    let (stage, done) = (&stage, &done);
    thread::scope(|scope| {
        let writer = scope.spawn(|| stage.write_until(done));
        let each = reads.div_ceil(READERS);
        let shares = (0..READERS).map(|nth| each.min(reads - each * nth));
        let readers: Vec<_> = shares
            .map(|share| scope.spawn(move || stage.read(share)))
            .collect();
        let read = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .fold(Read::default(), |sum, read| Read {
                reads: sum.reads + read.reads,
                accepted: sum.accepted + read.accepted,
                dropped: sum.dropped + read.dropped,
                torn: sum.torn + read.torn,
            });
        done.store(true, Ordering::Relaxed);
        (read, writer.join().unwrap())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_that_are_none_are_refused_with_a_sentence_that_helps() {
        let of = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
            reads(&arguments)
        };
        assert_eq!((of(&[]), of(&["5"])), (Ok(READS), Ok(5)));
        for bad in ["x", "-1", "--help", ""] {
            assert!(
                of(&[bad]).unwrap_err().contains("tp-torture [READS]"),
                "{bad}"
            );
        }
        assert!(of(&["5", "6"]).unwrap_err().contains("\"6\""));
    }

    #[test] // req: C-106, T-19, T-20
    fn no_frame_is_torn_while_it_is_overwritten_at_full_speed() {
        let (read, written) = torture(200_000);
        assert_eq!((read.reads, read.torn), (200_000, 0));
        assert!(read.accepted > 0 && written > 0);
        assert_eq!(read.accepted + read.dropped, read.reads);
    }
}

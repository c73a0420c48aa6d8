//! `tp`: parses its arguments, runs one command, tells by its exit status how that went (0 done, 1 failed, 2 misused).

use std::process::ExitCode;
use tp_linux::commands::{Misuse, Tp};

fn main() -> ExitCode {
    match Tp::from_arguments().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tp: {error}");
            if error.is::<Misuse>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

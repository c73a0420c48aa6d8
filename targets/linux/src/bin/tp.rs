//! `tp`: parses its arguments, runs one command, tells by its exit status how that went (0 done, 1 failed, 2 misused).

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match tp_linux::commands::Tp::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tp: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Fuzz targets without a fuzzer: `tp-fuzz` lists them, `tp-fuzz uri 6162` runs one input, `tp-fuzz --mutants 100000 [SEED]`
//! runs all of them for a while, `tp-fuzz --corpus DIR` writes their seeds, a directory for each.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use tp_fuzz::{TARGETS, Target};

const USAGE: &str = "tp-fuzz [TARGET HEX | --mutants COUNT [SEED] | --corpus DIR]";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => {
            TARGETS
                .iter()
                .for_each(|target| println!("{}", target.name));
            Some(())
        }
        ["--mutants", count] => mutants(count, "1"),
        ["--mutants", count, seed] => mutants(count, seed),
        ["--corpus", dir] => corpus(Path::new(dir))
            .inspect_err(|error| eprintln!("{dir}: {error}"))
            .ok(),
        [name, hex] => one(name, hex),
        _ => None,
    };
    match done {
        Some(()) => ExitCode::SUCCESS,
        None => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn mutants(count: &str, seed: &str) -> Option<()> {
    let (count, seed) = (count.parse().ok()?, seed.parse().ok()?);
    for target in TARGETS {
        println!("{}: {count} mutants", target.name);
        target.run_short(count, seed);
    }
    Some(())
}

fn one(name: &str, hex: &str) -> Option<()> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes = digits?
        .chunks_exact(2)
        .map(|pair| {
            pair.iter()
                .fold(0_u8, |byte, digit| (byte << 4) | *digit as u8)
        })
        .collect::<Vec<_>>();
    Target::find(name)?.run_told(&bytes);
    Some(())
}

fn corpus(dir: &Path) -> io::Result<()> {
    for target in TARGETS {
        let dir = dir.join(target.name);
        fs::create_dir_all(&dir)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(dir.join(format!("{number:03}")), seed)?;
        }
    }
    Ok(())
}

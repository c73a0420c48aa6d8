//! Fuzz targets without a fuzzer: `tp-fuzz` lists them, `tp-fuzz uri 6162` runs one input, `tp-fuzz --mutants 100000 [SEED]`
//! runs all of them for a while, `tp-fuzz --corpus DIR` writes their seeds, a directory for each.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use tp_fuzz::{TARGETS, Target};

const USAGE: &str = "usage: tp-fuzz [TARGET HEX | --mutants COUNT [SEED] | --corpus DIR]";

/// Why nothing, or not all of it, was done.
#[derive(Debug)]
enum Failure {
    /// The arguments make no sense.
    Misuse(String),
    Io(String),
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Misuse(why)) => {
            eprintln!("tp-fuzz: {why}; {USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Io(why)) => {
            eprintln!("tp-fuzz: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    match *arguments {
        [] => {
            TARGETS
                .iter()
                .for_each(|target| println!("{}", target.name));
            Ok(())
        }
        ["--mutants", count] => mutants(count, "1"),
        ["--mutants", count, seed] => mutants(count, seed),
        ["--corpus", dir] => {
            corpus(Path::new(dir)).map_err(|error| Failure::Io(format!("{dir}: {error}")))
        }
        [option, ..] if option.starts_with('-') => {
            misuse(format!("{option} is no option, or takes something else"))
        }
        [name, hex] => one(name, hex),
        _ => misuse("a target takes one input".to_owned()),
    }
}

fn misuse<T>(why: String) -> Result<T, Failure> {
    Err(Failure::Misuse(why))
}

fn mutants(count: &str, seed: &str) -> Result<(), Failure> {
    let Ok(mutants) = count.parse() else {
        return misuse(format!("COUNT is a whole number, not {count:?}"));
    };
    let Ok(seed) = seed.parse() else {
        return misuse(format!("SEED is a whole number, not {seed:?}"));
    };
    for target in TARGETS {
        println!("{}: {mutants} mutants", target.name);
        target.run_short(mutants, seed);
    }
    Ok(())
}

fn one(name: &str, hex: &str) -> Result<(), Failure> {
    let Some(target) = Target::find(name) else {
        return misuse(format!(
            "no target is called {name:?}, see those that tp-fuzz lists"
        ));
    };
    let Some(bytes) = bytes(hex) else {
        return misuse(format!("HEX is two digits for each byte, not {hex:?}"));
    };
    target.run_told(&bytes);
    Ok(())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let pairs = digits.chunks_exact(2);
    let byte = |pair: &[u32]| {
        pair.iter()
            .fold(0_u8, |byte, digit| (byte << 4) | *digit as u8)
    };
    Some(pairs.map(byte).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence_that_helps() {
        for (arguments, help) in [
            (&["uri"][..], "one input"),
            (&["nobody", "61"], "\"nobody\""),
            (&["uri", "616"], "two digits"),
            (&["uri", "6x"], "two digits"),
            (&["--mutants", "many"], "COUNT"),
            (&["--mutants", "1", "x"], "SEED"),
            (&["--mutants"], "--mutants"),
            (&["--help"], "--help"),
        ] {
            let Err(Failure::Misuse(why)) = run(arguments) else {
                panic!("{arguments:?} is taken");
            };
            assert!(why.contains(help), "{arguments:?}: {why}");
        }
        assert!(run(&["uri", "6162"]).is_ok());
    }
}

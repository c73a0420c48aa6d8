//! Everything that takes bytes from outside, fed with bytes nobody meant (C-201).
//!
//! A [`Target`] is a function that takes any bytes and panics when a promise is broken: decoders get them as they are,
//! machines as a list of operations. Its seeds are the vectors of `tests/vectors` and what is needed besides. The same
//! bodies run under libFuzzer (`fuzz/`, a workspace of its own, since it needs a nightly toolchain) and under any test
//! runner, by mutation from a seed ([`Mutator`]).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "what breaks a promise has to panic"
)]

mod input;
mod mutator;
mod reach;
mod seeds;
mod targets;

pub use mutator::Mutator;
pub use targets::TARGETS;

use input::Input;

/// Something that takes any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also that of its program in `fuzz/`.
    pub name: &'static str,
    /// Takes any bytes; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// The target of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Runs all seeds, and `mutants` more inputs that are made of them.
    ///
    /// # Panics
    /// When a promise is broken; the input was printed before.
    pub fn run_short(&self, mutants: u32, seed: u64) {
        let seeds = (self.seeds)();
        for input in &seeds {
            self.run_told(input);
        }
        let mut mutator = Mutator::new(seed);
        for _ in 0..mutants {
            self.run_told(&mutator.mutant(&seeds));
        }
    }

    /// Runs one input, and says which one if it does not survive.
    pub fn run_told(&self, input: &[u8]) {
        let told = Told {
            target: self,
            input,
        };
        (self.run)(input);
        drop(told);
    }
}

/// Prints its input when a panic goes by.
struct Told<'a> {
    target: &'a Target,
    input: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self
                .input
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            eprintln!("tp-fuzz {} {hex}", self.target.name);
        }
    }
}

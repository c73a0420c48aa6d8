//! The programs as people run them.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::rig::{Rig, aeron_dir};

impl Rig {
    /// Runs `tp` on this system and returns what it said.
    pub(crate) fn tp(&self, args: &[&str]) -> Output {
        let mut command = Command::new(program("tp"));
        let command = command
            .args(args)
            .env("TP_AERON_DIR", aeron_dir(self.root()));
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `tp` and reads its JSON lines.
    pub(crate) fn told(&self, args: &[&str]) -> Vec<Value> {
        let output = self.tp(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What the driver counts under this name.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let counters = self.told(&["driver", "counters", "--json"]);
        counters[0][name]
            .as_u64()
            .unwrap_or_else(|| panic!("no counter {name}"))
    }
}

/// A program of ours, which stands beside those of this test.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join(name)
}

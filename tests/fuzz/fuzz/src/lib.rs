//! What every program here does.

/// Runs one input of the target `name`.
pub fn run(name: &str, input: &[u8]) {
    let target = tp_fuzz::Target::find(name).expect("a target of this name");
    (target.run)(input);
}

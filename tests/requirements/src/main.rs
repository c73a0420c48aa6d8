//! Writes `docs/requirements.md`.
fn main() {}

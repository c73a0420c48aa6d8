//! What a run came through, so that a test can show that a machine is not only touched at its surface.

use std::collections::BTreeSet;

/// The names of the states and turns that were seen.
pub(crate) type Reached = BTreeSet<&'static str>;

/// Plays the seeds of a target and thousands of mutants of them, the same ones each time: all of `states` are seen, and
/// nothing that has no place there.
#[cfg(test)]
pub(crate) fn assert_reached(name: &str, play: fn(&[u8]) -> Reached, states: &[&'static str]) {
    let seeds = (crate::Target::find(name).unwrap().seeds)();
    let mut mutator = crate::Mutator::new(1);
    let mut reached: Reached = seeds.iter().flat_map(|seed| play(seed)).collect();
    for _ in 0..2000 {
        reached.extend(play(&mutator.mutant(&seeds)));
    }
    assert_eq!(reached, states.iter().copied().collect(), "{name}");
}

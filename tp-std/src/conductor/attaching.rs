//! One attach at a time for each stream and role (C-032).

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::driver::Role;

/// A role of this client, by the address of what it shares with its hot half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who(pub(super) usize);

/// The attaches that are under way.
#[derive(Debug, Default)]
pub(super) struct Attaching(Vec<(StreamId, Role, Who)>);

impl Attaching {
    /// Whether `who` may begin an attach.
    pub(super) fn may_begin(&self, stream: StreamId, role: Role, who: Who) -> bool {
        let mut others = self.0.iter().filter(|(.., other)| *other != who);
        !others.any(|(at, used_as, _)| (*at, *used_as) == (stream, role))
    }

    /// `who` attaches, or does so no more.
    pub(super) fn note(&mut self, stream: StreamId, role: Role, who: Who, is_attaching: bool) {
        let place = self.0.iter().position(|(.., other)| *other == who);
        match (place, is_attaching) {
            (None, true) => self.0.push((stream, role, who)),
            (Some(place), false) => drop(self.0.swap_remove(place)),
            (Some(_), true) | (None, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: StreamId = StreamId::new(7).unwrap();
    const OTHER: StreamId = StreamId::new(8).unwrap();

    #[test] // req: C-032
    fn a_second_attach_of_the_same_kind_waits_for_the_first() {
        let (first, second) = (Who(1), Who(2));
        let mut attaching = Attaching::default();
        assert!(attaching.may_begin(STREAM, Role::Consumer, first));
        attaching.note(STREAM, Role::Consumer, first, true);
        attaching.note(STREAM, Role::Consumer, first, true);
        assert!(attaching.may_begin(STREAM, Role::Consumer, first));
        assert!(!attaching.may_begin(STREAM, Role::Consumer, second));
        assert!(attaching.may_begin(STREAM, Role::Producer, second));
        assert!(attaching.may_begin(OTHER, Role::Consumer, second));
        attaching.note(STREAM, Role::Consumer, second, false);
        assert!(!attaching.may_begin(STREAM, Role::Consumer, second));
        attaching.note(STREAM, Role::Consumer, first, false);
        assert!(attaching.may_begin(STREAM, Role::Consumer, second));
    }
}

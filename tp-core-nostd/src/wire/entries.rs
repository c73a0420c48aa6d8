//! Group entries of a value, without a copy: listed by whoever builds it, or still in the message they came in.

use core::fmt;

use crate::sbe::{Entry, Group};

/// The entries `V` of a repeating group whose encoded form is `E`.
pub struct Entries<'a, V, E>(Source<'a, V, E>);

enum Source<'a, V, E> {
    Listed(&'a [V]),
    Received(Group<'a, E>),
}

impl<'a, V, E> Entries<'a, V, E>
where
    V: Clone + TryFrom<E>,
    E: Entry<'a>,
{
    /// Entries to be sent.
    pub const fn listed(entries: &'a [V]) -> Self {
        Self(Source::Listed(entries))
    }

    /// Entries of a message. Those that make no sense are left out, so where one of them makes the whole message void
    /// they are checked first.
    pub const fn received(group: Group<'a, E>) -> Self {
        Self(Source::Received(group))
    }

    /// The entries in wire order.
    pub fn iter(&self) -> impl Iterator<Item = V> + Clone + use<'a, V, E> {
        let (listed, received) = match self.0 {
            Source::Listed(entries) => (entries, None),
            Source::Received(group) => (&[][..], Some(group)),
        };
        let received = received.into_iter().flat_map(|group| group.iter());
        listed
            .iter()
            .cloned()
            .chain(received.filter_map(|entry| V::try_from(entry).ok()))
    }
}

impl<V, E> Clone for Entries<'_, V, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V, E> Copy for Entries<'_, V, E> {}

impl<V, E> Clone for Source<'_, V, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V, E> Copy for Source<'_, V, E> {}

impl<'a, V, E> PartialEq for Entries<'a, V, E>
where
    V: Clone + TryFrom<E> + PartialEq,
    E: Entry<'a>,
{
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
impl<'a, V, E> Eq for Entries<'a, V, E>
where
    V: Clone + TryFrom<E> + Eq,
    E: Entry<'a>,
{
}

impl<'a, V, E> fmt::Debug for Entries<'a, V, E>
where
    V: Clone + TryFrom<E> + fmt::Debug,
    E: Entry<'a>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

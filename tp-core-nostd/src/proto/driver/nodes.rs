//! Node ids: unique among leases, and kept for their last holder for a while after release (driver 3.11).

use crate::ids::{ClientId, NodeId};
use crate::time::{Duration, Instant};

/// The largest id handed out without being asked for: trace ids have 10 bits for it (D-175).
pub const ASSIGNED_MAX: u32 = 1023;

/// Storage for one node id that is held or cools down.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeEntry {
    node: u32,
    client: u32,
    held: bool,
    /// Until when only `client` may have it; in the past while it never cooled down.
    reserved_until_ns: u64,
}

impl NodeEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self {
            node: 0,
            client: 0,
            held: false,
            reserved_until_ns: 0,
        }
    }

    const fn is_free_for(&self, client: ClientId, now: Instant) -> bool {
        !self.held && (self.client == client.get() || self.reserved_until_ns <= now.as_ns())
    }
}

/// The ids in use, sorted, in memory the caller lends.
#[derive(Debug)]
pub(super) struct Nodes<'a> {
    entries: &'a mut [NodeEntry],
    len: usize,
    cooldown: Duration,
}

impl<'a> Nodes<'a> {
    pub(super) const fn new(entries: &'a mut [NodeEntry], cooldown: Duration) -> Self {
        Self {
            entries,
            len: 0,
            cooldown,
        }
    }

    /// The id a lease of `client` would get; `Ok(None)` if none is left to assign (D-178). Changes nothing.
    ///
    /// # Errors
    /// The desired id is 0, held, or cools down for somebody else, or there is no room to remember it.
    pub(super) fn choose(
        &self,
        now: Instant,
        client: ClientId,
        desired: Option<u32>,
    ) -> Result<Option<NodeId>, NodeTaken> {
        let Some(wish) = desired else {
            return Ok(self
                .cooling_for(now, client)
                .or_else(|| self.lowest(now, client)));
        };
        let node = NodeId::new(wish).ok_or(NodeTaken)?;
        match self.find(wish) {
            Ok(at) => match self.entries.get(at) {
                Some(entry) if entry.is_free_for(client, now) => Ok(Some(node)),
                _ => Err(NodeTaken),
            },
            Err(_) if self.has_room(now) => Ok(Some(node)),
            Err(_) => Err(NodeTaken),
        }
    }

    /// Gives `client` an id that [`Nodes::choose`] found.
    pub(super) fn take(&mut self, now: Instant, client: ClientId, node: NodeId) {
        let at = match self.find(node.get()) {
            Ok(at) => at,
            Err(_) => match self.insert(now, node.get()) {
                Some(at) => at,
                None => return,
            },
        };
        if let Some(entry) = self.entries.get_mut(at) {
            entry.client = client.get();
            entry.held = true;
        }
    }

    /// Takes the id back from an ended lease and lets it cool down.
    pub(super) fn release(&mut self, now: Instant, node: NodeId) {
        let until = now.after(self.cooldown).as_ns();
        if let Ok(at) = self.find(node.get())
            && let Some(entry) = self.entries.get_mut(at)
        {
            entry.held = false;
            entry.reserved_until_ns = until;
        }
    }

    /// Takes the id back from an attach that was refused after all; no cooldown begins (D-060).
    pub(super) fn give_back(&mut self, node: NodeId) {
        if let Ok(at) = self.find(node.get())
            && let Some(entry) = self.entries.get_mut(at)
        {
            entry.held = false;
        }
    }

    /// The id that `client` had last and still cools down.
    fn cooling_for(&self, now: Instant, client: ClientId) -> Option<NodeId> {
        self.used()
            .iter()
            .filter(|entry| entry.client == client.get() && !entry.held)
            .filter(|entry| entry.reserved_until_ns > now.as_ns())
            .max_by_key(|entry| entry.reserved_until_ns)
            .and_then(|entry| NodeId::new(entry.node))
    }

    fn lowest(&self, now: Instant, client: ClientId) -> Option<NodeId> {
        let mut candidate = 1;
        for entry in self.used() {
            if entry.node > candidate {
                break;
            }
            if entry.is_free_for(client, now) {
                return NodeId::new(entry.node);
            }
            candidate = entry.node.saturating_add(1);
        }
        if candidate > ASSIGNED_MAX || !self.has_room(now) {
            return None;
        }
        NodeId::new(candidate)
    }

    fn has_room(&self, now: Instant) -> bool {
        self.len < self.entries.len() || self.used().iter().any(|entry| is_forgettable(entry, now))
    }

    /// Makes an entry for `node`, which has none. Forgets cooled ids only when the room is needed.
    fn insert(&mut self, now: Instant, node: u32) -> Option<usize> {
        if self.len == self.entries.len() {
            self.forget_cooled(now);
        }
        let at = self.find(node).err()?;
        let end = self.len.checked_add(1)?;
        let tail = self.entries.get_mut(at..end)?;
        tail.rotate_right(1);
        *tail.first_mut()? = NodeEntry {
            node,
            ..NodeEntry::new()
        };
        self.len = end;
        Some(at)
    }

    fn forget_cooled(&mut self, now: Instant) {
        let mut kept = 0_usize;
        for at in 0..self.len {
            if self
                .entries
                .get(at)
                .is_some_and(|entry| !is_forgettable(entry, now))
            {
                self.entries.swap(kept, at);
                kept = kept.wrapping_add(1);
            }
        }
        self.len = kept;
    }

    fn find(&self, node: u32) -> Result<usize, usize> {
        self.used().binary_search_by_key(&node, |entry| entry.node)
    }

    fn used(&self) -> &[NodeEntry] {
        self.entries.get(..self.len).unwrap_or_default()
    }
}

const fn is_forgettable(entry: &NodeEntry, now: Instant) -> bool {
    !entry.held && entry.reserved_until_ns <= now.as_ns()
}

/// The desired id cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeTaken;

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId::new(7).unwrap();
    const B: ClientId = ClientId::new(8).unwrap();
    const COOLDOWN: Duration = Duration::from_nanos(10);

    fn at(ns: u64) -> Instant {
        Instant::from_ns(ns)
    }

    fn choose(
        nodes: &Nodes<'_>,
        ns: u64,
        client: ClientId,
        desired: Option<u32>,
    ) -> Result<Option<u32>, NodeTaken> {
        nodes
            .choose(at(ns), client, desired)
            .map(|node| node.map(NodeId::get))
    }

    fn take(nodes: &mut Nodes<'_>, ns: u64, client: ClientId, desired: Option<u32>) -> Option<u32> {
        let node = nodes.choose(at(ns), client, desired).ok()??;
        nodes.take(at(ns), client, node);
        Some(node.get())
    }

    #[test] // req: D-174, D-175, D-177
    fn released_ids_cool_down_and_stick_to_their_client() {
        let mut entries = [NodeEntry::new(); 8];
        let mut nodes = Nodes::new(&mut entries, COOLDOWN);
        assert_eq!(take(&mut nodes, 0, A, None), Some(1));
        assert_eq!(take(&mut nodes, 0, B, None), Some(2));
        nodes.release(at(5), NodeId::new(1).unwrap());
        // Cooling until 15: not for B, but for A.
        assert_eq!(choose(&nodes, 14, B, Some(1)), Err(NodeTaken));
        assert_eq!(choose(&nodes, 14, B, None), Ok(Some(3)));
        assert_eq!(choose(&nodes, 14, A, None), Ok(Some(1)));
        assert_eq!(choose(&nodes, 14, A, Some(1)), Ok(Some(1)));
        assert_eq!(choose(&nodes, 15, B, None), Ok(Some(1)));
        // Held ids are nobody's, not even the holder's a second time.
        assert_eq!(choose(&nodes, 15, B, Some(2)), Err(NodeTaken));
    }

    #[test] // req: D-173, D-176
    fn zero_is_refused_and_large_ids_are_granted_once() {
        let mut entries = [NodeEntry::new(); 8];
        let mut nodes = Nodes::new(&mut entries, COOLDOWN);
        assert_eq!(choose(&nodes, 0, A, Some(0)), Err(NodeTaken));
        assert_eq!(take(&mut nodes, 0, A, Some(5000)), Some(5000));
        assert_eq!(choose(&nodes, 0, B, Some(5000)), Err(NodeTaken));
        assert_eq!(choose(&nodes, 0, B, None), Ok(Some(1)));
    }

    #[test] // req: D-175, D-178
    fn after_1023_ids_leases_go_without() {
        let mut entries = std::vec![NodeEntry::new(); 2000];
        let mut nodes = Nodes::new(&mut entries, COOLDOWN);
        for expected in 1..=ASSIGNED_MAX {
            assert_eq!(take(&mut nodes, 0, A, None), Some(expected));
        }
        assert_eq!(choose(&nodes, 0, B, None), Ok(None));
        nodes.release(at(0), NodeId::new(600).unwrap());
        assert_eq!(choose(&nodes, 10, B, None), Ok(Some(600)));
    }

    #[test] // req: D-060
    fn a_refused_attach_leaves_no_cooldown() {
        let mut entries = [NodeEntry::new(); 8];
        let mut nodes = Nodes::new(&mut entries, COOLDOWN);
        assert_eq!(take(&mut nodes, 0, A, Some(4)), Some(4));
        nodes.give_back(NodeId::new(4).unwrap());
        assert_eq!(choose(&nodes, 0, B, Some(4)), Ok(Some(4)));
        // One that cooled down before goes on doing so.
        assert_eq!(take(&mut nodes, 0, A, Some(4)), Some(4));
        nodes.release(at(0), NodeId::new(4).unwrap());
        assert_eq!(take(&mut nodes, 3, A, Some(4)), Some(4));
        nodes.give_back(NodeId::new(4).unwrap());
        assert_eq!(choose(&nodes, 9, B, Some(4)), Err(NodeTaken));
        assert_eq!(choose(&nodes, 10, B, Some(4)), Ok(Some(4)));
    }

    #[test]
    fn a_full_table_forgets_cooled_ids_first() {
        let mut entries = [NodeEntry::new(); 2];
        let mut nodes = Nodes::new(&mut entries, COOLDOWN);
        assert_eq!(take(&mut nodes, 0, A, Some(50)), Some(50));
        assert_eq!(take(&mut nodes, 0, B, Some(60)), Some(60));
        assert_eq!(choose(&nodes, 0, A, None), Ok(None));
        nodes.release(at(0), NodeId::new(50).unwrap());
        assert_eq!(choose(&nodes, 9, B, None), Ok(None));
        assert_eq!(take(&mut nodes, 10, B, None), Some(1));
        assert_eq!(choose(&nodes, 10, A, Some(60)), Err(NodeTaken));
    }
}

//! Where a driver has its files: a model of a disk, or real files in a real directory.

use std::vec::Drain;

use tp_core_nostd::proto::driver::{FileOrder, FileResult};
use tp_core_nostd::time::Instant;
use tp_tests::fake_transport::{Dice, Owner};

use crate::fact::Removal;

/// What a driver needs of its disk. It outlives drivers.
pub(crate) trait Store {
    /// A driver process started.
    fn came(&mut self, driver: Owner);

    /// A driver process is gone. Where process ids are imagined, another process sometimes gets its id at once, and its
    /// epochs look alive for ever.
    fn went(&mut self, driver: Owner, dice: &mut Dice);

    /// Does what the driver that runs as `creator` ordered. Activity stamps need no answer.
    fn carry_out(
        &mut self,
        now: Instant,
        creator: Owner,
        order: FileOrder<'_>,
    ) -> Option<FileResult>;

    /// The driver died while this was being done: it may have been done, half done or not begun.
    fn interrupted(&mut self, now: Instant, creator: Owner, order: FileOrder<'_>, dice: &mut Dice);

    /// What collection took since somebody last looked.
    fn removed(&mut self) -> Drain<'_, Removal>;
}

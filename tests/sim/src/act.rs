//! What fate does to the processes, the medium and the machine.

use core::time::Duration;

use tp_tests::fake_transport::Faults;

use crate::disk::Trouble;
use crate::fact::Who;

/// One stroke of fate. What it hits may be gone already; then it does nothing.
#[derive(Clone, Debug)]
pub enum Act {
    /// Messages meet other faults from now on.
    Weather(Faults),
    /// Nothing gets through from one to the other.
    Cut {
        /// Who speaks in vain.
        from: Who,
        /// Who hears nothing.
        to: Who,
    },
    /// Nothing gets through between the two.
    Part(Who, Who),
    /// Faults, cuts and jams of the medium end.
    Mend,
    /// Whatever this one sends is refused for a while: full publications.
    Jam(Who, Duration),
    /// The medium takes all images from a reader.
    Evict(Who),
    /// The process dies, after so many more messages and file orders: in the middle of whatever it does then.
    Kill(Who, u32),
    /// The process starts, if it does not run.
    Start(Who),
    /// The process ends by itself: the driver drains for so long, a client gives its lease back.
    Leave(Who, Duration),
    /// Somebody asks the driver to end, and knows the secret or not.
    AskToEnd {
        /// Whether.
        knows_secret: bool,
    },
    /// The process gets no processor for a while.
    Stall(Who, Duration),
    /// Nobody gets a processor for a while: a suspended virtual machine.
    Suspend(Duration),
    /// Everything is gone but directories; the clock starts again at so much.
    Reboot(Duration),
    /// The disk does worse, or well again.
    Disk(Trouble),
    /// File orders take so long.
    Pace(Duration),
    /// Faults, troubles and stalls end; whoever was killed comes back.
    Heal,
}

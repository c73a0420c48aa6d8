//! What applications of a plan want: each combination is one that somebody could ask for.

use tp_core_nostd::ids::StreamId;
use tp_std::TimestampSource;
use tp_tests::fake_transport::Dice;

/// The first id of descriptor streams that viewers ask for; the others follow, and those of control streams.
const FIRST_OWN_STREAM: i32 = 33_000;

/// What a camera is to be.
#[derive(Clone, Copy, Debug)]
pub struct CameraWish {
    /// The stream it writes.
    pub stream: StreamId,
    /// It has no driver, and writes regions of its own.
    pub is_direct: bool,
    /// Headers of frames that are told of come first, so that prefixes can be read (E-02).
    pub header_first: bool,
}

/// How a viewer finds frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// By descriptors alone.
    Descriptors,
    /// By descriptors, and in memory while there are none.
    Memory,
    /// By direct poll: it waits for frames, and reads on while the driver is silent (E-01).
    Waits,
}

/// What a viewer is to be.
#[derive(Clone, Copy, Debug)]
pub struct ViewerWish {
    /// The stream it reads.
    pub stream: StreamId,
    /// It has no driver, and takes what is announced.
    pub is_direct: bool,
    /// How it finds frames.
    pub looks: Looks,
    /// The most frames per second.
    pub max_rate_hz: Option<u32>,
    /// The descriptor stream it asks for; whoever answers may assign another one, or none.
    pub own_descriptors: Option<i32>,
    /// It wants to know how far frames are that are being written.
    pub progress: bool,
    /// The control stream it asks for.
    pub own_control: Option<i32>,
}

/// A stage that makes one stream of two.
#[derive(Clone, Copy, Debug)]
pub struct JoinWish {
    /// Its inputs.
    pub inputs: [StreamId; 2],
    /// Which of their frames belong together.
    pub joins: Joins,
}

/// Which frames of two streams belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joins {
    /// Those whose numbers fit.
    ByNumber,
    /// Those whose times fit, of capture or of sending.
    ByTime(TimestampSource),
    /// The newest.
    Newest,
}

impl Joins {
    /// The time that counts, if one does.
    pub(super) const fn time(self) -> Option<TimestampSource> {
        match self {
            Self::ByTime(source) => Some(source),
            Self::ByNumber | Self::Newest => None,
        }
    }
}

impl ViewerWish {
    /// Every frame of `stream`, from the driver, by descriptors and memory.
    pub(super) const fn plain(stream: StreamId) -> Self {
        Self {
            stream,
            is_direct: false,
            looks: Looks::Memory,
            max_rate_hz: None,
            own_descriptors: None,
            progress: false,
            own_control: None,
        }
    }
}

impl CameraWish {
    /// A camera that writes a driver's memory, headers last.
    pub(super) const fn plain(stream: StreamId) -> Self {
        Self {
            stream,
            is_direct: false,
            header_first: false,
        }
    }

    pub(super) fn any(dice: &mut Dice, stream: StreamId, is_direct: bool) -> Self {
        Self {
            stream,
            is_direct,
            header_first: dice.happens(60),
        }
    }
}

impl ViewerWish {
    /// `number` is that of no other viewer.
    pub(super) fn any(dice: &mut Dice, stream: StreamId, is_direct: bool, number: i32) -> Self {
        use Looks::{Descriptors, Memory, Waits};
        let own = FIRST_OWN_STREAM + 2 * number;
        let progress = dice.happens(40);
        Self {
            stream,
            is_direct,
            looks: dice.pick(&[Descriptors, Memory, Memory, Waits]),
            max_rate_hz: dice.pick(&[None, None, None, Some(1), Some(10), Some(40)]),
            own_descriptors: dice.happens(40).then_some(own),
            progress,
            own_control: (dice.happens(50) && progress).then_some(own + 1),
        }
    }
}

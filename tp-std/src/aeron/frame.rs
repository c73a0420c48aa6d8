//! What Aeron tells about a frame beside its bytes, read as cheaply as it can be: this runs for each descriptor.

use core::ffi::c_void;

use rusteron_client as rc;
use tp_core_nostd::transport::ImageId;

/// Set on the first frame of a message.
pub(super) const BEGIN: u8 = 0x80;
/// Set on the last frame of a message.
pub(super) const END: u8 = 0x40;

/// Frames begin at multiples of this in an image's log, in bytes.
const ALIGNMENT: i64 = 32;

/// A frame that is only part of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) image: ImageId,
    /// BEGIN, END or neither.
    pub(super) flags: u8,
    /// Position of the first byte of the frame in the image's log.
    pub(super) position: i64,
    /// Position of the first byte after the frame.
    pub(super) next_position: i64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// `None` never happens while a handler runs.
    pub(super) fn new(bytes: &'a [u8], header: &rc::AeronHeader, image: ImageId) -> Option<Self> {
        let frame = header.get_values().ok()?.frame();
        let next_position = header.position();
        let length = i64::from(frame.frame_length());
        let occupied = length.saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1);
        Some(Self {
            image,
            flags: frame.flags(),
            position: next_position.saturating_sub(occupied),
            next_position,
            bytes,
        })
    }
}

/// Whether a frame is a message by itself. Aeron's accessor copies all values of the header for this, at five times
/// the cost of reading the message.
#[expect(unsafe_code, reason = "the header is opaque to the binding")]
pub(super) fn is_whole(header: &rc::AeronHeader) -> bool {
    let header: *const *const rc::bindings::aeron_data_header_t = header.get_inner().cast();
    // SAFETY: a header that Aeron hands to a handler is live, aligned for pointers, and begins with the pointer to its
    // frame (`aeron_header_t` in aeron_image.h). The binding reads session ids by the same way; the conformance suite
    // would receive no message whole if it were otherwise.
    let Some(frame) = (unsafe { header.as_ref() }) else {
        return false;
    };
    // SAFETY: the frame stands in the image's log, which stays mapped and unchanged there while the handler runs.
    let frame = unsafe { frame.as_ref() };
    frame.is_some_and(|frame| frame.frame_header.flags & (BEGIN | END) == BEGIN | END)
}

/// The images that the frames of one poll come from.
///
/// Aeron names them by pointers, and asking a pointer for its id costs more than reading a message. Within one poll
/// the same pointer is the same image; later it can be another one.
#[derive(Default)]
pub(super) struct Images {
    last: Option<(*mut c_void, ImageId)>,
}

impl Images {
    /// The image behind a header. `None` never happens while a handler runs.
    pub(super) fn of(&mut self, header: &rc::AeronHeader) -> Option<ImageId> {
        let pointer = header.context();
        match self.last {
            Some((known, id)) if known == pointer => Some(id),
            _ => {
                let id = image_id(&header.image()?)?;
                self.last = Some((pointer, id));
                Some(id)
            }
        }
    }
}

/// The registration id of the publication behind an image.
pub(super) fn image_id(image: &rc::AeronImage) -> Option<ImageId> {
    let constants = image.get_constants().ok()?;
    Some(ImageId(constants.correlation_id()))
}

//! The frames that both sides know: number, its complement, then bytes that count on from it.

pub(crate) const LEN: usize = 1024;

pub(crate) fn fill(seq: u64, frame: &mut [u8]) {
    for (i, byte) in frame.iter_mut().enumerate() {
        *byte = at(seq, i);
    }
}

/// Byte `i` of frame `seq`.
fn at(seq: u64, i: usize) -> u8 {
    match i {
        0..8 => seq.to_le_bytes()[i],
        8..16 => (!seq).to_le_bytes()[i - 8],
        _ => (seq.wrapping_add(i as u64) & 0xFF) as u8,
    }
}

/// # Errors
/// What is wrong with frame `seq`.
pub(crate) fn check(seq: u64, frame: &[u8]) -> Result<(), String> {
    match (0..frame.len().max(16)).find(|i| frame.get(*i) != Some(&at(seq, *i))) {
        None => Ok(()),
        Some(i) => Err(format!(
            "byte {i} of frame {seq} is not as it should be: {:?}",
            frame.get(i)
        )),
    }
}

#[test]
fn a_frame_is_as_the_peers_write_it() {
    let mut frame = [0; 20];
    fill(0x0102, &mut frame);
    assert_eq!(frame[..8], [2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        frame[8..16],
        [0xFD, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
    );
    assert_eq!(frame[16..], [0x12, 0x13, 0x14, 0x15]);
    assert_eq!(check(0x0102, &frame), Ok(()));
    assert!(check(0x0103, &frame).is_err());
    assert!(check(0x0102, &frame[..10]).is_err());
}

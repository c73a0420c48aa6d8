//! Diagnostics for people, as responses and notices carry them.

use super::Text;
use super::value::text_bytes;

/// Most bytes of an `errorMessage` that are sent (D-031, R-052).
pub const ERROR_MESSAGE_MAX: usize = 1024;

/// The part of a diagnostic that is sent: at most [`ERROR_MESSAGE_MAX`] bytes, cut between characters (D-031, D-032, R-052).
pub(crate) fn sent_message(message: Option<Text<'_>>) -> &[u8] {
    let bytes = text_bytes(message);
    if bytes.len() <= ERROR_MESSAGE_MAX {
        return bytes;
    }
    // In UTF-8 at most three bytes stand behind the first one of a character, all of the form 10xxxxxx.
    let starts_character = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xC0 != 0x80);
    let end = (ERROR_MESSAGE_MAX - 3..=ERROR_MESSAGE_MAX)
        .rev()
        .find(starts_character)
        .unwrap_or(ERROR_MESSAGE_MAX);
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    #[test] // req: D-031, D-032, R-052
    fn long_diagnostics_are_cut_between_characters() {
        let ascii = "x".repeat(2000);
        for (text, kept) in [
            (String::new(), 0),
            ("x".repeat(1024), 1024),
            (ascii, 1024),
            ("x".repeat(1023) + "\u{E9}", 1023),
            ("x".repeat(1022) + "\u{E9}y", 1024),
            ("x".repeat(1021) + "\u{1F4F7}", 1021),
        ] {
            let sent = sent_message(Some(text.as_str().into()));
            assert_eq!(sent, &text.as_bytes()[..kept]);
        }
        assert_eq!(sent_message(Some(Text(&[0x80; 2000]))).len(), 1024);
        assert_eq!(sent_message(None), b"");
    }
}

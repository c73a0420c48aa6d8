//! Hex digits.

use super::WireJsonError;

/// The bytes that pairs of hex digits spell; white space anywhere is ignored.
///
/// # Errors
/// [`WireJsonError::Hex`].
pub fn bytes_of_hex(text: &str) -> Result<Vec<u8>, WireJsonError> {
    let digits = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c.to_digit(16) {
            // A hex digit is below 16.
            Some(digit) => Ok(digit as u8),
            None => Err(WireJsonError::Hex(format!("{c:?} is no hex digit"))),
        })
        .collect::<Result<Vec<u8>, _>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        let count = digits.len();
        return Err(WireJsonError::Hex(format!(
            "{count} digits are no whole bytes"
        )));
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Two lower-case hex digits per byte.
pub fn hex_of_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_ignored_and_half_bytes_are_refused() {
        assert_eq!(bytes_of_hex(" 00 fF\n7a ").unwrap(), [0, 0xFF, 0x7A]);
        assert_eq!(hex_of_bytes(&[0, 0xFF, 0x7A]), "00ff7a");
        assert!(bytes_of_hex("0").is_err());
        assert!(bytes_of_hex("0x10").is_err());
    }
}

//! Columns for people.

/// Lines of columns, each as wide as its longest entry, numbers to the right.
pub(in crate::commands) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|name| width(name)).collect();
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    for row in core::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (at, (cell, widest)) in row.iter().zip(&widths).enumerate() {
            if at > 0 {
                line.push_str("  ");
            }
            let blank = " ".repeat(widest.saturating_sub(width(cell)));
            if is_number(cell) {
                line.push_str(&blank);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&blank);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|first: char| first.is_ascii_digit())
}

/// Names come from configuration files and may have letters of more than one byte.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_entry() {
        let rows = vec![
            vec!["77".into(), "producer".into(), "1.5 s".into()],
            vec!["12345678".into(), "é".into(), String::new()],
        ];
        let expected = "\
LEASE     ROLE      EXPIRES
      77  producer    1.5 s
12345678  é
";
        assert_eq!(table(&["LEASE", "ROLE", "EXPIRES"], &rows), expected);
    }
}

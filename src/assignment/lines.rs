//! The lines of an input file, one after another, with their numbers.

/// Goes through a file's lines without their ends: LF or CRLF, and trailing blanks and tabs, are taken off. Blank lines at
/// the end of the file are not there.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    last: u64,
    left: u64,
}

/// One line and its number, from 1.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let end = bytes.iter().rposition(|&byte| !is_filler(byte) && byte != b'\n').map_or(0, |last| last + 1);
        let rest = &bytes[..end];
        let ends = rest.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Self { rest, last: 0, left: if rest.is_empty() { 0 } else { ends + 1 } }
    }

    /// How many lines are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The number of the line that comes next, be it there or not.
    pub(super) fn next_number(&self) -> u64 {
        self.last + 1
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.last += 1;
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        let length = line.iter().rposition(|&byte| !is_filler(byte)).map_or(0, |last| last + 1);
        Some(Line { number: self.last, bytes: &line[..length] })
    }
}

/// What may stand at the end of a line without a meaning.
fn is_filler(byte: u8) -> bool {
    is_blank(byte) || byte == b'\r'
}

/// What separates the words of a line.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        Lines::new(text.as_bytes()).map(|line| str::from_utf8(line.bytes).unwrap()).collect()
    }

    #[test]
    fn line_ends_of_all_kinds_give_the_same_lines() {
        for text in ["a\n\nb", "a\n\nb\n", "a\r\n\r\nb\r\n", "a \t\n \nb\t \n\n \r\n\t", "a\r\n\nb\r"] {
            assert_eq!(lines(text), ["a", "", "b"], "{text:?}");
        }
    }

    #[test]
    fn a_file_of_nothing_but_blanks_has_no_lines() {
        for text in ["", "\n", " \r\n\t\n"] {
            assert_eq!(Lines::new(text.as_bytes()).left(), 0, "{text:?}");
            assert!(lines(text).is_empty());
        }
    }

    #[test]
    fn leading_blanks_belong_to_the_line() {
        assert_eq!(lines(" a"), [" a"]);
    }

    #[test]
    fn what_is_left_is_known_beforehand() {
        let mut all = Lines::new(b"a\nb\nc\n\n");
        for left in (0..3).rev() {
            assert_eq!(all.next().map(|line| line.number), Some(3 - left));
            assert_eq!((all.left(), all.next_number()), (left, 4 - left));
        }
        assert!(all.next().is_none());
    }
}

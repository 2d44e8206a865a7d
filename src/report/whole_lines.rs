//! Lines that stay whole and are known by their rank, though all ranks write to one terminal.

use std::io::{self, Write};

/// What a pipe takes in one piece, on every POSIX system that is used here: between the parts of a longer line, others' lines
/// could come.
const ATOMIC: usize = 4096;
/// What a line begins with that goes on where the one before it was cut.
const GOES_ON: &str = "... ";
/// In bytes, as UTF-8 has it.
const LONGEST_CHARACTER: usize = 4;

/// Cuts a text into lines that can each be written in one piece, with `front` before each.
pub fn whole_lines(front: &str, text: &str) -> Vec<String> {
    let room = ATOMIC.saturating_sub(front.len() + GOES_ON.len() + 1).max(LONGEST_CHARACTER);
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut rest = line;
        let mut mark = "";
        loop {
            let end = (0..=room.min(rest.len())).rev().find(|&end| rest.is_char_boundary(end)).unwrap_or(0);
            let (part, after) = rest.split_at(end);
            lines.push(format!("{front}{mark}{part}\n"));
            if after.is_empty() {
                break;
            }
            (rest, mark) = (after, GOES_ON);
        }
    }
    lines
}

/// Writes what it is given line by line, each in one call.
#[derive(Debug)]
pub struct LineByLine<W>(pub W);

impl<W: Write> Write for LineByLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.0.write_all(line)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_becomes_several_lines_and_nothing_is_lost() {
        for text in ["x".repeat(9_000), "\u{1f980}".repeat(3_000), "short\nand second".to_owned(), String::new()] {
            let lines = whole_lines("rank 1: ", &text);
            assert!(lines.iter().all(|line| line.len() <= ATOMIC && line.ends_with('\n')));
            let said = lines.iter().map(|line| line.strip_prefix("rank 1: ").expect("the front is there").trim_end());
            let said: String = said.map(|part| part.strip_prefix(GOES_ON).unwrap_or(part)).collect();
            assert_eq!(said, text.replace('\n', ""));
        }
        assert_eq!(whole_lines("> ", "a\nb"), ["> a\n", "> b\n"]);
    }

    #[test]
    fn each_line_leaves_in_one_write() {
        struct Writes(Vec<String>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(String::from_utf8_lossy(bytes).into_owned());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = LineByLine(Writes(Vec::new()));
        out.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(out.0.0, ["one\n", "two\n"]);
    }
}

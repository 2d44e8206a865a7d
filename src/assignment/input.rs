//! What a client brings and wants: the file `in<R>.txt`.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use super::input_error::{InputError, Problem};
use super::lines::{Line, Lines, is_blank};
use super::names::{check_plain, check_wanted};
use crate::metainfo::{PieceHashes, PieceHashesError};

const OWNED: &str = "the number of owned files";
const SEGMENTS: &str = "the number of segments";
const WANTED: &str = "the number of wanted files";

/// What an `in<R>.txt` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The files that the client owns, each whole.
    pub owned: Vec<OwnedFile>,
    /// The names that it wants, in order, each once.
    pub wanted: Vec<String>,
}

/// A file that a client owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFile {
    /// Its name.
    pub name: String,
    /// Its segments' hashes, in order.
    pub hashes: PieceHashes,
}

/// Hashes that are used as they stand, though the course's are 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: '{example}' is not 32 hexadecimal digits{}; used as it stands", and_others(.count))]
pub struct OddHashes {
    /// The line of the first.
    pub line: u64,
    /// The first, shortened.
    pub example: String,
    /// How many there are.
    pub count: u64,
}

fn and_others(count: &u64) -> String {
    if *count > 1 { format!(", nor are {} others", count - 1) } else { String::new() }
}

impl Input {
    /// The name of client `client`'s input file.
    #[must_use]
    pub fn file_name(client: u32) -> String {
        format!("in{client}.txt")
    }

    /// Reads client `client`'s file in `folder`. What is odd but usable is logged.
    ///
    /// # Errors
    /// Where the file cannot be read, or does not say what it must.
    pub fn read(folder: &Path, client: u32) -> Result<Self, InputError> {
        let path = folder.join(Self::file_name(client));
        let shown = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        let bytes = read_regular(&path).map_err(|source| InputError::Unreadable { file: shown.clone(), source })?;
        let (input, odd) = Self::parse(client, &bytes).map_err(|(line, problem)| InputError::Malformed {
            file: shown.clone(),
            line,
            problem,
        })?;
        if let Some(odd) = odd {
            log::warn!("{shown}: {odd}");
        }
        Ok(input)
    }

    /// Understands the bytes of client `client`'s file.
    ///
    /// # Errors
    /// What is wrong first, and in which line.
    pub fn parse(client: u32, bytes: &[u8]) -> Result<(Self, Option<OddHashes>), (u64, Problem)> {
        let mut parser = Parser { client, lines: Lines::new(bytes), odd: None };
        let owned = parser.owned()?;
        let wanted = parser.wanted()?;
        match parser.lines.next() {
            None => Ok((Self { owned, wanted }, parser.odd)),
            Some(line) => Err((line.number, Problem::Leftover { found: shown(line.bytes) })),
        }
    }

    /// The file that says this: LF ends, none after the last line.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.owned.len().to_string().into_bytes();
        for file in &self.owned {
            bytes.extend_from_slice(format!("\n{} {}", file.name, file.hashes.len()).as_bytes());
            for hash in file.hashes.iter() {
                bytes.push(b'\n');
                bytes.extend_from_slice(hash);
            }
        }
        bytes.extend_from_slice(format!("\n{}", self.wanted.len()).as_bytes());
        for name in &self.wanted {
            bytes.push(b'\n');
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }
}

/// Reads a file at once. A pipe is refused: opening one could wait for ever.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    std::fs::read(path)
}

/// Where the reading of a file stands. No count in it is believed before that many lines are seen to be there.
struct Parser<'a> {
    client: u32,
    lines: Lines<'a>,
    odd: Option<OddHashes>,
}

type Parsed<T> = Result<T, (u64, Problem)>;

impl<'a> Parser<'a> {
    fn owned(&mut self) -> Parsed<Vec<OwnedFile>> {
        let line = self.expect(OWNED)?;
        let count = self.count(line.number, line.bytes, OWNED, "owned files")?;
        let mut files = Vec::new();
        let mut seen = HashMap::new();
        for _ in 0..count {
            let line = self.expect("'<name> <number of segments>'")?;
            let file = self.owned_file(line)?;
            if let Some(before) = seen.insert(file.name.clone(), line.number) {
                return Err((line.number, Problem::OwnedTwice { name: file.name, before }));
            }
            files.push(file);
        }
        Ok(files)
    }

    fn owned_file(&mut self, line: Line<'a>) -> Parsed<OwnedFile> {
        let blank = line.bytes.iter().rposition(|&byte| is_blank(byte));
        let (name, count) = match blank {
            Some(blank) => (&line.bytes[..blank], &line.bytes[blank + 1..]),
            None => return Err((line.number, Problem::NoCount { found: shown(line.bytes) })),
        };
        let count = self.count(line.number, count, SEGMENTS, "segments")?;
        let name = self.name(Line { number: line.number, bytes: name.trim_ascii_end() })?;
        check_plain(&name).map_err(|error| (line.number, error.into()))?;
        let mut hashes = PieceHashes::new();
        for segment in 1..=count {
            let line = self.expect("a hash")?;
            let hash = line.bytes.trim_ascii_start();
            let refused = match hash.iter().any(|&byte| is_blank(byte)) {
                true => Err(PieceHashesError::Length),
                false => hashes.push(hash),
            };
            refused.map_err(|error| match error {
                PieceHashesError::TooMany => (line.number, Problem::TooLarge { name: name.clone() }),
                _ => (line.number, Problem::NotAHash { segment, name: name.clone(), found: shown(line.bytes) }),
            })?;
            self.note_odd(line.number, hash);
        }
        Ok(OwnedFile { name, hashes })
    }

    fn wanted(&mut self) -> Parsed<Vec<String>> {
        let line = self.expect(WANTED)?;
        let count = self.count(line.number, line.bytes, WANTED, "wanted files")?;
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..count {
            let line = self.expect("a wanted file's name")?;
            let name = self.name(line)?;
            check_wanted(self.client, &name).map_err(|error| (line.number, error.into()))?;
            if seen.insert(name.clone()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn expect(&mut self, expected: &'static str) -> Parsed<Line<'a>> {
        let number = self.lines.next_number();
        self.lines.next().ok_or((number, Problem::Ends { expected }))
    }

    fn name(&self, line: Line<'_>) -> Parsed<String> {
        match str::from_utf8(line.bytes) {
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err((line.number, Problem::NotUtf8 { found: shown(line.bytes) })),
        }
    }

    /// A count of lines that are to follow: at least one for each.
    fn count(&self, line: u64, word: &[u8], expected: &'static str, of: &'static str) -> Parsed<u64> {
        let word = word.trim_ascii_start();
        let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if word.strip_prefix(b"-").is_some_and(is_number) {
            return Err((line, Problem::Negative { expected, found: shown(word) }));
        }
        if !is_number(word) {
            return Err((line, Problem::NotANumber { expected, found: shown(word) }));
        }
        let left = self.lines.left();
        let count = str::from_utf8(word).ok().and_then(|digits| digits.parse().ok());
        count.filter(|count| *count <= left).ok_or_else(|| (line, Problem::TooMany { count: shown(word), of, left }))
    }

    fn note_odd(&mut self, line: u64, hash: &[u8]) {
        if hash.len() == 32 && hash.iter().all(u8::is_ascii_hexdigit) {
            return;
        }
        let odd = self.odd.get_or_insert_with(|| OddHashes { line, example: shown(hash), count: 0 });
        odd.count += 1;
    }
}

/// A piece of the file as it can be shown in one line of a terminal.
fn shown(bytes: &[u8]) -> String {
    const ENOUGH: usize = 60;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * ENOUGH)]);
    let short: String = text.chars().take(ENOUGH).flat_map(char::escape_debug).collect();
    if text.chars().count() > ENOUGH { short + "..." } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef";

    fn parse(text: &str) -> Input {
        Input::parse(2, text.as_bytes()).unwrap_or_else(|(line, problem)| panic!("{line}: {problem}")).0
    }

    fn refusal(text: &str) -> (u64, Problem) {
        Input::parse(2, text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = format!("2\nx 2\n{HASH}\nother\ny 0\n2\nx\na name with blanks");
        let input = parse(&text);
        assert_eq!(input.owned[0].hashes.iter().collect::<Vec<_>>(), [HASH.as_bytes(), b"other"]);
        assert_eq!(input.wanted, ["x", "a name with blanks"]);
        assert_eq!(input.to_bytes(), text.as_bytes());
    }

    #[test]
    fn line_ends_and_trailing_blanks_change_nothing() {
        // RELIABILITY row 2.
        let plain = format!("1\na b 1\n{HASH}\n1\nc");
        let expected = parse(&plain);
        let crlf = plain.replace('\n', "\r\n");
        let blanks = plain.replace('\n', " \t\n");
        for text in [plain.clone() + "\n", crlf.clone(), crlf + "\r\n\r\n", blanks + " \n\n\t\n"] {
            assert_eq!(parse(&text), expected, "{text:?}");
        }
        assert_eq!(parse("0\n0"), Input::default());
    }

    #[test]
    fn a_name_is_all_before_the_last_blank_of_its_line() {
        assert_eq!(parse(&format!("1\na b\tc  1\n{HASH}\n0")).owned[0].name, "a b\tc");
        assert_eq!(parse("1\n5 0\n0").owned[0].name, "5");
    }

    #[test]
    fn a_name_wanted_twice_is_wanted_once_and_one_owned_may_be_wanted() {
        let input = parse("1\nx 0\n3\ny\nx\ny");
        assert_eq!(input.wanted, ["y", "x"]);
    }

    #[test]
    fn absurd_counts_are_refused_where_they_stand_and_nothing_is_allocated() {
        // RELIABILITY row 7.
        for count in ["999999999999", "9223372036854775808", "18446744073709551616", &"9".repeat(5000)] {
            for (text, line) in [
                (format!("{count}\nx 0\n0"), 1),
                (format!("1\nx {count}\n{HASH}\n0"), 2),
                (format!("0\n{count}\nx"), 2),
            ] {
                let (at, problem) = refusal(&text);
                assert_eq!(at, line, "{text:.80}");
                assert!(matches!(problem, Problem::TooMany { .. }), "{problem}");
            }
        }
    }

    #[test]
    fn negative_and_wordy_counts_are_refused() {
        assert!(matches!(refusal("-1\n0"), (1, Problem::Negative { .. })));
        assert!(matches!(refusal("0\n-9223372036854775808"), (2, Problem::Negative { .. })));
        for text in ["two\n0", "+1\nx 0\n0", "1 1\nx 0\n0", "0x1\n0", "1.0\n0", "\u{feff}0\n0", "\n0\n0", "-\n0"] {
            assert!(matches!(refusal(text), (1, Problem::NotANumber { .. })), "{text:?}");
        }
        assert!(matches!(refusal("1\nx y\n0"), (2, Problem::NotANumber { .. })));
        assert!(matches!(refusal("1\nx\n0"), (2, Problem::NoCount { .. })));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_unless_the_cut_shortens_its_last_word() {
        let text = format!("2\nfirst 2\n{HASH}\n{HASH}\nsecond 1\n{HASH}\n2\nx\ny");
        for end in 0..text.len() - 1 {
            assert!(Input::parse(2, &text.as_bytes()[..end]).is_err(), "{:?}", &text[..end]);
        }
    }

    #[test]
    fn an_empty_file_and_a_missing_second_half_say_where_they_end() {
        assert_eq!(refusal(""), (1, Problem::Ends { expected: OWNED }));
        assert_eq!(refusal(&format!("1\nx 1\n{HASH}\n")), (4, Problem::Ends { expected: WANTED }));
    }

    #[test]
    fn a_hash_is_one_word_of_1_to_255_bytes() {
        for hash in ["", "two words", &"x".repeat(256)] {
            let (line, problem) = refusal(&format!("1\nx 1\n{hash}\n0"));
            assert_eq!(line, 3);
            assert!(matches!(problem, Problem::NotAHash { segment: 1, .. }), "{problem}");
        }
        assert_eq!(parse(&format!("1\nx 1\n{}\n0", "x".repeat(255))).owned[0].hashes.len(), 1);
    }

    #[test]
    fn hashes_that_are_not_32_hexadecimal_digits_are_used_with_one_warning() {
        let (_, odd) = Input::parse(2, format!("1\nx 4\n{HASH}\nodd\n{HASH}\nstrange\n0").as_bytes()).unwrap();
        assert_eq!(odd, Some(OddHashes { line: 4, example: "odd".into(), count: 2 }));
        assert_eq!(Input::parse(2, format!("1\nx 1\n{HASH}\n0").as_bytes()).unwrap().1, None);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused_at_their_line() {
        // RELIABILITY row 8.
        for name in ["../x", "/abs", "a/b", ".", "..", "a\0b"] {
            assert!(matches!(refusal(&format!("1\n{name} 0\n0")), (2, Problem::Name(_))), "{name}");
            assert!(matches!(refusal(&format!("0\n1\n{name}")), (3, Problem::Name(_))), "{name}");
        }
        assert_eq!(refusal("1\n 0\n0"), (2, Problem::Name(super::super::NameError::Empty)));
        assert_eq!(refusal("0\n2\n\nx"), (3, Problem::Name(super::super::NameError::Empty)));
        assert!(matches!(refusal(&format!("0\n1\n{}", "x".repeat(248))), (3, Problem::Name(_))));
        assert!(matches!(Input::parse(2, b"0\n1\n\xff").unwrap_err(), (3, Problem::NotUtf8 { .. })));
    }

    #[test]
    fn what_is_left_over_or_owned_twice_is_refused() {
        assert!(matches!(refusal("0\n1\nx\ny"), (4, Problem::Leftover { .. })));
        assert_eq!(refusal("2\nx 0\nx 0\n0"), (3, Problem::OwnedTwice { name: "x".into(), before: 2 }));
    }

    #[test]
    fn a_missing_file_and_a_folder_are_errors_that_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Input::read(folder.path(), 2).unwrap_err().to_string();
        assert!(missing.contains("in2.txt: cannot read: No such file"), "{missing}");
        std::fs::create_dir(folder.path().join("in3.txt")).unwrap();
        let not_a_file = Input::read(folder.path(), 3).unwrap_err().to_string();
        assert!(not_a_file.contains("in3.txt: cannot read: not a regular file"), "{not_a_file}");
        std::fs::write(folder.path().join("in4.txt"), "1\nx -4\n0").unwrap();
        let malformed = Input::read(folder.path(), 4).unwrap_err().to_string();
        assert!(malformed.ends_with("in4.txt:2: the number of segments cannot be negative: '-4'"), "{malformed}");
    }

    #[test]
    fn what_stands_in_a_file_cannot_drive_the_terminal() {
        let (_, problem) = refusal("\u{1b}[2J\n0");
        assert!(!problem.to_string().contains('\u{1b}'));
    }
}

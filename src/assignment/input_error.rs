//! Why an input file cannot be used: which, where, what is wrong, and what to do.

use super::NameError;

/// An input file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It is not there, or the system does not let it be read.
    #[error("{file}: cannot read: {source}; every client needs its input, and --input names their folder")]
    Unreadable {
        /// Its path, as the user would write it.
        file: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{file}:{line}: {problem}")]
    Malformed {
        /// Its path, as the user would write it.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong at a line. Texts from the file are kept short and escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file ends too early.
    #[error("the file ends where {expected} should stand; it was cut short, or a count above is too large")]
    Ends {
        /// What was looked for.
        expected: &'static str,
    },
    /// No number where a count belongs.
    #[error("expected {expected}, found '{found}'; is a count above wrong, or a line missing?")]
    NotANumber {
        /// What was looked for.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A count below zero.
    #[error("{expected} cannot be negative: '{found}'")]
    Negative {
        /// Which count.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A count that the rest of the file cannot hold.
    #[error("{} announced, but {} left; the count is too large or the file was cut short", things(.count, .of), lines(*.left))]
    TooMany {
        /// The count, as it stands there.
        count: String,
        /// Of what.
        of: &'static str,
        /// How many lines there still are.
        left: u64,
    },
    /// An owned file's line without its number of segments.
    #[error("expected '<name> <number of segments>', found '{found}'; is a count above wrong?")]
    NoCount {
        /// What stands there.
        found: String,
    },
    /// A hash with blanks in it, or none at all.
    #[error(
        "expected the hash of segment {segment} of '{name}', found '{found}'; a hash is one word of 1 to 255 bytes"
    )]
    NotAHash {
        /// Which segment, from 1.
        segment: u64,
        /// Of which file.
        name: String,
        /// What stands there.
        found: String,
    },
    /// A name that a file cannot have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A name that is not text.
    #[error("the name '{found}' is not UTF-8; rename the file")]
    NotUtf8 {
        /// The name, as far as it can be shown.
        found: String,
    },
    /// The same file is owned twice.
    #[error("'{name}' is listed as owned already on line {before}; remove one of them")]
    OwnedTwice {
        /// The name.
        name: String,
        /// Where it stands first.
        before: u64,
    },
    /// All counts are satisfied, and yet there is more.
    #[error("expected the end of the file, found '{found}'; is a count above too small?")]
    Leftover {
        /// What stands there.
        found: String,
    },
    /// Over 4 GiB of hashes.
    #[error("the hashes of '{name}' take over 4 GiB; cut the file into several")]
    TooLarge {
        /// The name.
        name: String,
    },
}

/// A count as it stands in the file, and of what: `1 wanted file`.
fn things(count: &str, of: &str) -> String {
    match count {
        "1" => format!("1 {}", of.trim_end_matches('s')),
        _ => format!("{count} {of}"),
    }
}

fn lines(left: u64) -> String {
    match left {
        0 => "no lines are".to_owned(),
        1 => "only 1 line is".to_owned(),
        _ => format!("only {left} lines are"),
    }
}

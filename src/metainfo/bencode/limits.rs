//! What is bencode at all: canonical, whole, and not beyond limits.

use std::error::Error;

use bendy::decoding::{Decoder, Error as Malformed};
use bendy::state_tracker::Token;

/// How much is read at most.
#[derive(Clone, Copy, Debug)]
pub(in crate::metainfo) struct Limits {
    /// Bytes in all.
    pub(in crate::metainfo) bytes: usize,
    /// Lists and dictionaries within each other.
    pub(in crate::metainfo) depth: usize,
    /// Numbers, strings, lists and dictionaries, and the ends of these two.
    pub(in crate::metainfo) tokens: usize,
}

/// Why something is no bencode that is read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BencodeError {
    /// More bytes than are read.
    #[error("it is longer than {0} bytes, the most that are read")]
    TooLong(usize),
    /// More values than are read.
    #[error("it has more than {0} values, the most that are read")]
    TooMany(usize),
    /// Lists in lists, deeper than is read.
    #[error("at byte {at}: lists or dictionaries {depth} deep within each other are the most that are read")]
    TooDeep {
        /// Where that begins.
        at: usize,
        /// The limit.
        depth: usize,
    },
    /// Not canonical, or not bencode: a number with a leading zero, keys out of order or twice, a string that is cut off.
    #[error("at byte {at}: {what}")]
    Malformed {
        /// Where the value begins that is wrong.
        at: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// More than one value.
    #[error("at byte {0}: there is something behind the end")]
    Leftover(usize),
    /// What stands under this key is of another kind.
    #[error("'{key}' is not {wanted}")]
    Kind {
        /// The key.
        key: &'static str,
        /// What should stand there, with its article.
        wanted: &'static str,
    },
    /// A number beyond 64 bits.
    #[error("'{key}' is {digits}, which is too large")]
    Range {
        /// The key.
        key: &'static str,
        /// The number, or how it begins.
        digits: String,
    },
}

impl From<Malformed> for BencodeError {
    /// Of what has been checked: it cannot happen.
    fn from(error: Malformed) -> Self {
        Self::Malformed { at: 0, what: reason(&error) }
    }
}

/// Goes through the whole once: afterwards it is known to be one canonical value within the limits. Keeps nothing.
pub(in crate::metainfo) fn check(source: &[u8], limits: Limits) -> Result<(), BencodeError> {
    if source.len() > limits.bytes {
        return Err(BencodeError::TooLong(limits.bytes));
    }
    let (mut at, mut depth, mut count) = (0, 0, 0);
    // One level more than may be, so that it is told from other faults.
    for token in Decoder::new(source).with_max_depth(limits.depth + 1).tokens() {
        if count > 0 && depth == 0 {
            return Err(BencodeError::Leftover(at));
        }
        let token = token.map_err(|error| BencodeError::Malformed { at, what: reason(&error) })?;
        match token {
            Token::List | Token::Dict => depth += 1,
            Token::End => depth -= 1,
            Token::String(_) | Token::Num(_) => {}
        }
        if depth > limits.depth {
            return Err(BencodeError::TooDeep { at, depth: limits.depth });
        }
        count += 1;
        if count > limits.tokens {
            return Err(BencodeError::TooMany(limits.tokens));
        }
        at += length(&token);
    }
    if count == 0 { Err(BencodeError::Empty) } else { Ok(()) }
}

/// What bendy says, without its preamble and without the place, which is known here for every fault.
fn reason(error: &Malformed) -> String {
    let whole = error.source().map_or_else(|| error.to_string(), |cause| cause.to_string());
    let said = whole.rsplit_once(": ").map_or(&*whole, |(_, said)| said);
    said.split_once(" at offset ").map_or(said, |(said, _)| said).to_owned()
}

/// The bytes that a token takes.
fn length(token: &Token<'_>) -> usize {
    match token {
        Token::List | Token::Dict | Token::End => 1,
        Token::Num(digits) => digits.len() + 2,
        Token::String(content) => (content.len().checked_ilog10().unwrap_or(0) + 2) as usize + content.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits { bytes: 1_000_000, depth: 3, tokens: 10 };

    fn refused(source: &[u8]) -> BencodeError {
        check(source, SMALL).unwrap_err()
    }

    #[test]
    fn canonical_bencode_passes_up_to_each_limit() {
        for source in [&b"i0e"[..], b"i-1e", b"0:", b"le", b"de", b"d1:a0:1:bi2ee", b"llleee", b"l8:........e"] {
            assert_eq!(check(source, SMALL), Ok(()), "{source:?}");
        }
        assert_eq!(check(b"li0ei0ei0ei0ei0ei0ei0ei0ee", SMALL), Ok(()));
    }

    #[test]
    fn what_is_not_canonical_is_refused_where_it_stands() {
        for (source, at, said) in [
            (&b"i-0e"[..], 0, "got '0'"),
            (b"li1ei007ee", 4, "got '0'"),
            (b"l02:abe", 1, "got '2'"),
            (b"d1:b0:1:a0:e", 6, "not sorted"),
            (b"d1:a0:1:a0:e", 6, "not sorted"),
            (b"di1e0:e", 1, "keys must be strings"),
            (b"d1:ae", 4, "Missing map value"),
            (b"l-1:e", 1, "starting with '-'"),
            (b"l5:abce", 1, "EOF"),
            (b"l18446744073709551616:", 1, "Invalid integer"),
            (b"l18446744073709551615:", 1, "EOF"),
            (b"i12", 0, "EOF"),
            (b"l10:..........xe", 14, "starting with 'x'"),
        ] {
            match refused(source) {
                BencodeError::Malformed { at: found, what } => {
                    assert!(!what.contains("offset") && !what.contains("Malformed"), "{what}");
                    assert!(found == at && what.contains(said), "{}: {found}: {what}", source.escape_ascii());
                }
                other => panic!("{}: {other}", source.escape_ascii()),
            }
        }
    }

    #[test]
    fn nothing_and_more_than_one_value_are_refused() {
        assert_eq!(refused(b""), BencodeError::Empty);
        assert_eq!(refused(b"le\n"), BencodeError::Leftover(2));
        assert_eq!(refused(b"i1ei2e"), BencodeError::Leftover(3));
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(refused(&[b'x'; 1_000_001]), BencodeError::TooLong(1_000_000));
        assert_eq!(refused(b"lllleeee"), BencodeError::TooDeep { at: 3, depth: 3 });
        assert_eq!(refused(b"d1:alllei0eee"), BencodeError::TooDeep { at: 6, depth: 3 });
        assert_eq!(refused(b"li0ei0ei0ei0ei0ei0ei0ei0ei0ee"), BencodeError::TooMany(10));
    }

    #[test]
    fn nesting_a_million_deep_is_refused_at_the_limit() {
        let bomb = vec![b'l'; 1_000_000];
        assert_eq!(refused(&bomb), BencodeError::TooDeep { at: 3, depth: 3 });
        let bomb = b"d1:a".repeat(250_000);
        assert_eq!(refused(&bomb), BencodeError::TooDeep { at: 12, depth: 3 });
    }
}

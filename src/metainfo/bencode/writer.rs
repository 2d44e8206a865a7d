//! Writes canonical bencode.

use std::io::Write;

/// The place of one value.
pub(in crate::metainfo) struct Value<'o> {
    out: &'o mut Vec<u8>,
}

/// A dictionary that is being written.
pub(in crate::metainfo) struct Dict<'o> {
    out: &'o mut Vec<u8>,
    last: Option<&'static str>,
}

impl<'o> Value<'o> {
    /// At the end of these bytes.
    pub(in crate::metainfo) fn at_end_of(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Writes a number.
    pub(in crate::metainfo) fn number(self, number: impl Into<i128>) {
        write!(self.out, "i{}e", number.into()).expect("a vector takes everything");
    }

    /// Writes a string.
    pub(in crate::metainfo) fn bytes(self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        write!(self.out, "{}:", bytes.len()).expect("a vector takes everything");
        self.out.extend_from_slice(bytes);
    }

    /// Writes a value that is bencode already.
    pub(in crate::metainfo) fn encoded(self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// Writes a list: each item by `write`.
    pub(in crate::metainfo) fn list<T>(self, items: impl IntoIterator<Item = T>, write: impl Fn(Value<'_>, T)) {
        self.out.push(b'l');
        for item in items {
            write(Value { out: self.out }, item);
        }
        self.out.push(b'e');
    }

    /// Writes a dictionary: `write` puts the keys into it, in order.
    pub(in crate::metainfo) fn dict(self, write: impl FnOnce(&mut Dict<'_>)) {
        self.out.push(b'd');
        write(&mut Dict { out: self.out, last: None });
        self.out.push(b'e');
    }
}

impl Dict<'_> {
    /// Writes a key; its value must follow.
    pub(in crate::metainfo) fn key(&mut self, key: &'static str) -> Value<'_> {
        assert!(self.last.is_none_or(|last| last < key), "'{key}' comes too late");
        self.last = Some(key);
        Value { out: self.out }.bytes(key);
        Value { out: self.out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::bencode::{Limits, check};

    fn written(write: impl FnOnce(Value<'_>)) -> String {
        let mut out = Vec::new();
        write(Value::at_end_of(&mut out));
        assert_eq!(check(&out, Limits { bytes: 1000, depth: 10, tokens: 100 }), Ok(()));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_of_value_is_written_canonically() {
        assert_eq!(written(|value| value.number(-7)), "i-7e");
        assert_eq!(written(|value| value.number(u64::MAX)), "i18446744073709551615e");
        assert_eq!(written(|value| value.bytes("né")), "3:né");
        let dict = written(|value| {
            value.dict(|dict| {
                dict.key("a").list([1, 0], |value, number| value.number(number));
                dict.key("b").encoded(b"de");
            });
        });
        assert_eq!(dict, "d1:ali1ei0ee1:bdee");
    }

    #[test]
    #[should_panic(expected = "'a' comes too late")]
    fn a_key_out_of_order_is_our_own_mistake() {
        let mut out = Vec::new();
        Value::at_end_of(&mut out).dict(|dict| {
            dict.key("b").number(1);
            dict.key("a").number(1);
        });
    }
}

//! The meaning of bencode that has been checked: values of the kind that is expected under a key.

use bendy::decoding::{DictDecoder, ListDecoder, Object};

use super::BencodeError;

/// The keys of a dictionary with their values, in order.
pub(in crate::metainfo) type Fields<'o, 's> = DictDecoder<'o, 's>;
/// The values of a list, in order.
pub(in crate::metainfo) type Items<'o, 's> = ListDecoder<'o, 's>;

/// A string.
pub(in crate::metainfo) fn bytes<'s>(value: Object<'_, 's>, key: &'static str) -> Result<&'s [u8], BencodeError> {
    value.bytes_or(Err(BencodeError::Kind { key, wanted: "a string" }))
}

/// A string to be shown to people: what is no UTF-8 in it is replaced.
pub(in crate::metainfo) fn text(value: Object<'_, '_>, key: &'static str) -> Result<String, BencodeError> {
    bytes(value, key).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A number.
pub(in crate::metainfo) fn number(value: Object<'_, '_>, key: &'static str) -> Result<i64, BencodeError> {
    let digits = value.integer_or(Err(BencodeError::Kind { key, wanted: "a number" }))?;
    digits.parse().map_err(|_| BencodeError::Range { key, digits: digits.chars().take(24).collect() })
}

/// A dictionary.
pub(in crate::metainfo) fn fields<'o, 's>(
    value: Object<'o, 's>,
    key: &'static str,
) -> Result<Fields<'o, 's>, BencodeError> {
    value.dictionary_or(Err(BencodeError::Kind { key, wanted: "a dictionary" }))
}

/// A list.
pub(in crate::metainfo) fn items<'o, 's>(
    value: Object<'o, 's>,
    key: &'static str,
) -> Result<Items<'o, 's>, BencodeError> {
    value.list_or(Err(BencodeError::Kind { key, wanted: "a list" }))
}

#[cfg(test)]
mod tests {
    use bendy::decoding::Decoder;

    use super::*;

    fn read<T>(source: &[u8], by: impl Fn(Object<'_, '_>) -> T) -> T {
        let mut decoder = Decoder::new(source);
        by(decoder.next_object().unwrap().unwrap())
    }

    #[test]
    fn numbers_have_64_bits() {
        let number = |source: &[u8]| read(source, |value| number(value, "length"));
        assert_eq!(number(b"i9223372036854775807e"), Ok(i64::MAX));
        assert_eq!(number(b"i-9223372036854775808e"), Ok(i64::MIN));
        let far = number(b"i9223372036854775808e").unwrap_err();
        assert_eq!(far.to_string(), "'length' is 9223372036854775808, which is too large");
        let farther = number(format!("i{}e", "9".repeat(100_000)).as_bytes()).unwrap_err();
        assert!(farther.to_string().len() < 100, "{farther}");
    }

    #[test]
    fn a_value_of_another_kind_is_named_by_its_key() {
        let refused = [
            read(b"le", |value| number(value, "length").unwrap_err()),
            read(b"i1e", |value| bytes(value, "name").unwrap_err()),
            read(b"0:", |value| items(value, "files").map(drop).unwrap_err()),
            read(b"le", |value| fields(value, "info").map(drop).unwrap_err()),
        ];
        assert_eq!(
            refused.map(|error| error.to_string()),
            [
                "'length' is not a number",
                "'name' is not a string",
                "'files' is not a list",
                "'info' is not a dictionary"
            ]
        );
    }

    #[test]
    fn text_is_legible_whatever_it_is() {
        assert_eq!(read(b"3:a\xffb", |value| text(value, "comment")), Ok(String::from("a\u{fffd}b")));
    }
}

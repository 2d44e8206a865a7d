//! Counts of things, as people say them.

/// `1 file`, `2 files`, `2 hashes`.
///
/// # Panics
/// Where the count has more than 64 bits: our own mistake.
#[must_use]
pub fn counted(count: impl TryInto<u64>, what: &str) -> String {
    let ending = if what.ends_with("sh") { "es" } else { "s" };
    match count.try_into() {
        Ok(1) => format!("1 {what}"),
        Ok(count) => format!("{count} {what}{ending}"),
        Err(_) => unreachable!("no count here has more than 64 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count: u32| counted(count, "file")), ["0 files", "1 file", "2 files"]);
        assert_eq!([1, 2].map(|count: usize| counted(count, "hash")), ["1 hash", "2 hashes"]);
    }
}

//! A setting that is the same for all ranks, or one for each of some.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// `VALUE` for all ranks, or `RANK=VALUE[,RANK=VALUE]` for those ranks alone; by default for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PerRank<T> {
    /// One for all.
    All(T),
    /// One for each of these.
    Some(BTreeMap<u32, T>),
}

/// Why a setting cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PerRankError<E> {
    /// One value for all stands beside others.
    #[error("'{0}' stands alone among values for single ranks; write RANK=VALUE, or one VALUE for all")]
    Mixed(String),
    /// No rank before the `=`.
    #[error("'{0}' is not a rank; write RANK=VALUE")]
    NotARank(String),
    /// Two values for a rank.
    #[error("rank {0} stands there twice")]
    Twice(u32),
    /// The value itself.
    #[error("{0}; RANK=VALUE is for one rank alone")]
    Value(E),
}

impl<T> PerRank<T> {
    /// The setting of a rank, where it has one.
    #[must_use]
    pub fn of(&self, rank: u32) -> Option<&T> {
        match self {
            Self::All(value) => Some(value),
            Self::Some(values) => values.get(&rank),
        }
    }
}

impl<T> PerRank<T> {
    /// The highest rank that is named.
    #[must_use]
    pub fn highest(&self) -> Option<u32> {
        match self {
            Self::All(_) => None,
            Self::Some(values) => values.keys().next_back().copied(),
        }
    }

    /// All values, whosever they are.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let (all, some) = match self {
            Self::All(value) => (Some(value), None),
            Self::Some(values) => (None, Some(values.values())),
        };
        all.into_iter().chain(some.into_iter().flatten())
    }
}

impl<T> Default for PerRank<T> {
    fn default() -> Self {
        Self::Some(BTreeMap::new())
    }
}

impl<T: FromStr> FromStr for PerRank<T> {
    type Err = PerRankError<T::Err>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = |text: &str| text.parse().map_err(PerRankError::Value);
        if !text.contains(['=', ',']) {
            return if text.is_empty() { Ok(Self::default()) } else { value(text).map(Self::All) };
        }
        let mut values = BTreeMap::new();
        for part in text.split(',') {
            let (rank, word) = part.split_once('=').ok_or_else(|| PerRankError::Mixed(part.to_owned()))?;
            let rank = rank.parse().map_err(|_| PerRankError::NotARank(rank.to_owned()))?;
            if values.insert(rank, value(word)?).is_some() {
                return Err(PerRankError::Twice(rank));
            }
        }
        Ok(Self::Some(values))
    }
}

impl<T: fmt::Display> fmt::Display for PerRank<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(value) => value.fmt(f),
            Self::Some(values) => {
                let words: Vec<_> = values.iter().map(|(rank, value)| format!("{rank}={value}")).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PerRank<u32>, PerRankError<std::num::ParseIntError>> {
        text.parse()
    }

    #[test]
    fn one_value_is_for_all_and_none_for_nobody() {
        assert_eq!(parse("7").unwrap().of(3), Some(&7));
        assert_eq!(parse("").unwrap().of(3), None);
    }

    #[test]
    fn values_with_ranks_are_for_those_alone() {
        let some = parse("1=7,12=8").unwrap();
        assert_eq!((some.of(1), some.of(2), some.of(12)), (Some(&7), None, Some(&8)));
        assert_eq!((some.highest(), some.values().copied().collect()), (Some(12), vec![7, 8]));
        assert_eq!(parse(&some.to_string()).unwrap(), some);
    }

    #[test]
    fn what_is_mixed_double_or_no_rank_is_refused() {
        assert_eq!(parse("1=7,8"), Err(PerRankError::Mixed("8".into())));
        assert_eq!(parse("1=7,1=8"), Err(PerRankError::Twice(1)));
        assert_eq!(parse("x=7"), Err(PerRankError::NotARank("x".into())));
        assert!(matches!(parse("1=fast"), Err(PerRankError::Value(_))));
    }
}

//! Who wants what, as the command line says it.

use std::sync::Arc;

use crate::cli::{Ranks, StageArgs};
use crate::commands::pattern::Pattern;
use crate::commands::slow_lines::unknown_rank;
use crate::metainfo::{Manifest, Node};
use crate::storage::staging::Wishes;

/// Who wants what, as the command line says it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    rules: Arc<Vec<(Option<Pattern>, Option<Ranks>)>>,
}

/// Reads that.
///
/// # Errors
/// Where sources or patterns do not go together, patterns are none, or a rank is not there.
pub(super) fn wishes(args: &StageArgs, ranks: u32) -> Result<Wanted, String> {
    if args.from.is_some() && args.sources.len() > 1 {
        return Err("with --from there is one SRC, the .torrent".to_owned());
    }
    if let Some(wrong) = args.wanters.iter().chain(&args.from_ranks).find(|list| list.highest() >= ranks) {
        return Err(format!("there is no rank {}: the job has {ranks}, from 0 on", wrong.highest()));
    }
    let read = ("--limit-read", args.limit_read.highest());
    if let Some(wrong) = unknown_rank(args.lines.highest().into_iter().chain([read]), ranks) {
        return Err(wrong);
    }
    let pattern = |text: &String| Pattern::new(text).map_err(|error| format!("--want: {error}"));
    let patterns = args.want.iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
    let rules = match (patterns.len(), args.wanters.len()) {
        (0, 0) => vec![(None, None)],
        (0, _) => args.wanters.iter().map(|ranks| (None, Some(ranks.clone()))).collect(),
        (_, 0) => patterns.into_iter().map(|pattern| (Some(pattern), None)).collect(),
        (wants, fors) if wants == fors => patterns
            .into_iter()
            .zip(&args.wanters)
            .map(|(pattern, ranks)| (Some(pattern), Some(ranks.clone())))
            .collect(),
        (wants, fors) => {
            return Err(format!("{wants} --want and {fors} --for: give each --want its own --for, or none"));
        }
    };
    Ok(Wanted { rules: Arc::new(rules) })
}

/// A pattern that takes nothing was mistyped: the paths begin with the name of what is staged.
fn idle(rules: &[(Option<Pattern>, Option<Ranks>)], manifest: &Manifest) -> Option<String> {
    let entries = || manifest.entries.iter().filter(|entry| !matches!(entry.node, Node::Pad { .. }));
    let takes_nothing = |pattern: &&Pattern| !entries().any(|entry| pattern.takes(&entry.path));
    let pattern = rules.iter().filter_map(|(pattern, _)| pattern.as_ref()).find(takes_nothing)?.text();
    let like = entries().find(|entry| matches!(entry.node, Node::File { .. })).map(|entry| &entry.path);
    let like = like.map(|path| format!("; paths in it are like '{path}'")).unwrap_or_default();
    Some(format!("--want '{pattern}' is for nothing that is staged{like}"))
}

impl Wanted {
    /// Whether a rank wants anything at all.
    pub(super) fn anything(&self, rank: u32) -> bool {
        self.rules.iter().any(|(_, ranks)| ranks.as_ref().is_none_or(|ranks| ranks.contain(rank)))
    }

    /// The patterns of what some of these ranks want; none where one of them wants all.
    pub(super) fn patterns(&self, ranks: &[u32]) -> Option<Vec<String>> {
        let theirs = self
            .rules
            .iter()
            .filter(|(_, listed)| listed.as_ref().is_none_or(|listed| ranks.iter().any(|&rank| listed.contain(rank))));
        theirs.map(|(pattern, _)| pattern.as_ref().map(|pattern| pattern.text().to_owned())).collect()
    }

    /// A file is wanted where a pattern takes it.
    pub(super) fn wishes(&self) -> Wishes {
        let rules = Arc::clone(&self.rules);
        let wish = move |rank: u32, path: &_| {
            rules.iter().any(|(pattern, ranks)| {
                let for_rank = ranks.as_ref().is_none_or(|ranks| ranks.contain(rank));
                for_rank && pattern.as_ref().is_none_or(|pattern| pattern.takes(path))
            })
        };
        let rules = Arc::clone(&self.rules);
        Wishes::new(wish, move |manifest| idle(&rules, manifest))
    }
}

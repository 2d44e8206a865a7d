//! A piece that comes block by block.

use super::pieces::Claim;
use super::{Target, TargetError};
use crate::metainfo::Span;

/// A piece on its way to the disk, of which nothing is verified yet. It is given up when this is dropped. Nobody else can
/// write the piece meanwhile.
#[derive(Debug)]
pub struct Draft {
    claim: Claim,
    spans: Vec<Span>,
}

impl Draft {
    pub(super) fn new(claim: Claim, spans: Vec<Span>) -> Self {
        Self { claim, spans }
    }
}

impl Target {
    /// Writes a block of a draft; `offset` is its place in what travels of the piece (its content, without pads).
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn write_block(&self, draft: &Draft, offset: u32, bytes: &[u8]) -> Result<(), TargetError> {
        let end = u64::from(offset) + bytes.len() as u64;
        for (span, range) in cut(&draft.spans, offset, end.min(u64::from(u32::MAX)) as u32) {
            let part = &bytes[(range.start - offset) as usize..(range.end - offset) as usize];
            self.content.draft(draft.claim.piece(), &span, part)?;
        }
        Ok(())
    }

    /// Keeps a draft, of which every block was written and the whole has the right hash.
    ///
    /// # Errors
    /// Where it could not be kept, or the old file differs and is to stay.
    pub fn keep_draft(&self, draft: Draft) -> Result<(), TargetError> {
        let Draft { claim, spans } = draft;
        for span in &spans {
            self.content.settle_draft(claim.piece(), span)?;
        }
        self.hold(claim, &spans)
    }
}

/// The parts of spans that lie in a range of what travels of a piece; with each, the range of that.
pub(super) fn cut(spans: &[Span], start: u32, end: u32) -> impl Iterator<Item = (Span, std::ops::Range<u32>)> {
    let mut before = 0;
    spans.iter().filter_map(move |span| {
        let own = before..before + span.length;
        before = own.end;
        let (from, to) = (own.start.max(start), own.end.min(end));
        let skip = from.checked_sub(own.start)?;
        (from < to).then(|| {
            let part =
                Span { offset: span.offset + u64::from(skip), place: span.place + skip, length: to - from, ..*span };
            (part, from..to)
        })
    })
}

//! What a target finds already there: every piece of it is hashed before it counts.

use sha1::{Digest, Sha1};

use super::content::{Content, Home, Lies};
use super::pieces::Claimed;
use super::{Existing, Target, TargetError, holes};
use crate::metainfo::{PieceIndex, Span};

/// What became of a look for a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is right where it belongs in the old tree, and stays.
    InPlace,
    /// An earlier run left it, or this one held it already.
    InTree,
    /// It lay elsewhere and was copied; or it is all zeros, which need no copy.
    Copied,
    /// It is not here.
    Nothing,
}

/// A choice among the places where the spans of a piece may lie.
type Choice = Vec<Lies>;

impl Target {
    /// The pieces of which something may be here already, the likeliest first. To examine any other is cheap, and finds it
    /// where it is all zeros or lies in an old file under another name.
    #[must_use]
    pub fn prospects(&self) -> Vec<PieceIndex> {
        let content = &self.content;
        let may_be_here = |piece: &PieceIndex| {
            let mut spans = self.map().spans(*piece).peekable();
            spans.peek().is_some() && spans.all(|span| content.sources(*piece, &span).iter().any(Option::is_some))
        };
        let pieces = self.wanted_pieces().iter().filter(may_be_here);
        let (mut hinted, others): (Vec<_>, Vec<_>) =
            pieces.partition(|&piece| self.hint.as_ref().is_some_and(|hint| hint.contains(piece)));
        hinted.extend(others);
        hinted
    }

    /// Looks for a wanted piece with this SHA-1 in what is there already, and keeps it where it is found. `scratch` is room to
    /// read into, to be used again.
    ///
    /// # Errors
    /// Where it was found and could not be kept; where the old file differs and is to stay; where nothing wants the piece.
    pub fn examine(&self, piece: PieceIndex, expected: &[u8; 20], scratch: &mut Vec<u8>) -> Result<Found, TargetError> {
        self.check_wanted(piece)?;
        let claim = match self.pieces.claim(piece) {
            Claimed::Free(claim) => claim,
            Claimed::Held => return Ok(Found::InTree),
            Claimed::Drafted => return Ok(Found::Nothing),
        };
        let spans = self.content.outline.spans(piece);
        let length = self.map().length(piece) as usize;
        scratch.resize(length.max(scratch.len()), 0);
        let bytes = &mut scratch[..length];

        let found = match self.find_in_place(piece, &spans, expected, bytes)? {
            Some(choice) => {
                for (span, &from) in spans.iter().zip(&choice) {
                    self.content.settle(piece, span, part_of(bytes, span), Some(from))?;
                }
                self.what_was_found(&spans, &choice)
            }
            None if self.is_zeros(expected, bytes) || self.inventory.find(&self.content, expected, bytes) => {
                for span in &spans {
                    self.content.settle(piece, span, part_of(bytes, span), None)?;
                }
                Found::Copied
            }
            None => {
                self.note_difference(&spans)?;
                return Ok(Found::Nothing);
            }
        };
        self.hold(claim, &spans)?;
        Ok(found)
    }

    /// Copies a held piece to another place of the tree where the same bytes belong; tells whether they still are the same.
    ///
    /// # Errors
    /// Where the first is not held or cannot be read, or the second is not wanted or cannot be written.
    pub fn copy(
        &self,
        from: PieceIndex,
        to: PieceIndex,
        expected: &[u8; 20],
        scratch: &mut Vec<u8>,
    ) -> Result<bool, TargetError> {
        self.check_wanted(to)?;
        if !self.pieces.is_held(from) {
            return Err(TargetError::NotHeld(from));
        }
        let claim = match self.pieces.claim(to) {
            Claimed::Free(claim) => claim,
            Claimed::Held => return Ok(true),
            Claimed::Drafted => return Ok(false),
        };
        let length = self.map().length(from) as usize;
        scratch.clear();
        scratch.resize(length, 0);
        for span in self.map().spans(from) {
            self.content.read(from, &span, part_of_mut(scratch, &span))?;
        }
        if length != self.map().length(to) as usize || Sha1::digest(&scratch[..])[..] != *expected {
            return Ok(false);
        }
        let spans = self.content.outline.spans(to);
        for span in &spans {
            self.content.settle(to, span, part_of(scratch, span), None)?;
        }
        self.hold(claim, &spans)?;
        Ok(true)
    }

    /// Reads the piece from where it may lie, one choice after the other, until one has the right hash.
    fn find_in_place(
        &self,
        piece: PieceIndex,
        spans: &[Span],
        expected: &[u8; 20],
        bytes: &mut [u8],
    ) -> Result<Option<Choice>, TargetError> {
        for choice in choices(&self.content, piece, spans) {
            bytes.fill(0);
            let read = spans.iter().zip(&choice).try_fold(true, |all, (span, &lies)| {
                Ok(all && self.content.read_from(lies, piece, span, part_of_mut(bytes, span))?)
            });
            match read {
                Ok(true) if Sha1::digest(&*bytes)[..] == *expected => return Ok(Some(choice)),
                Ok(_) => {}
                Err(error @ TargetError::Changed { .. }) => return Err(error),
                Err(error) if self.content.existing == Existing::Keep && choice.contains(&Lies::Old) => {
                    return Err(error);
                }
                // What cannot be read is as good as not there: the piece comes from elsewhere.
                Err(error) => log::debug!("piece {piece} is not looked at: {error}"),
            }
        }
        Ok(None)
    }

    /// Whether the piece is all zeros; then so are the bytes afterwards.
    fn is_zeros(&self, expected: &[u8; 20], bytes: &mut [u8]) -> bool {
        let length = self.map().piece_length() as usize;
        let are = bytes.len() == length && *self.zeros.get_or_init(|| holes::hash_of_zeros(length)) == *expected;
        if are {
            bytes.fill(0);
        }
        are
    }

    fn what_was_found(&self, spans: &[Span], choice: &[Lies]) -> Found {
        let stays = |span: &Span| self.content.slots[span.entry].home().lies;
        match () {
            () if choice.iter().any(|&from| from != Lies::Old) => Found::InTree,
            () if spans.iter().all(|span| stays(span) == Lies::Old) => Found::InPlace,
            () => Found::Copied,
        }
    }

    /// A piece that is a part of a single old file and was not found there says that the file differs.
    fn note_difference(&self, spans: &[Span]) -> Result<(), TargetError> {
        let [span] = spans else { return Ok(()) };
        let home: &mut Home = &mut self.content.slots[span.entry].home();
        if home.lies == Lies::Old { self.content.demote(span.entry, home) } else { Ok(()) }
    }
}

/// The ways to put a piece together out of what is there: with what an earlier run left where there is some, and with the
/// old tree where there is that.
fn choices(content: &Content, piece: PieceIndex, spans: &[Span]) -> Vec<Choice> {
    let sources: Vec<_> = spans.iter().map(|span| content.sources(piece, span)).collect();
    let prefer = |first: usize| sources.iter().map(|source| source[first].or(source[1 - first])).collect();
    let mut choices: Vec<Choice> = [0, 1].into_iter().filter_map(prefer).collect();
    choices.dedup();
    choices
}

fn part_of<'a>(bytes: &'a [u8], span: &Span) -> &'a [u8] {
    &bytes[span.place as usize..(span.place + span.length) as usize]
}

fn part_of_mut<'a>(bytes: &'a mut [u8], span: &Span) -> &'a mut [u8] {
    &mut bytes[span.place as usize..(span.place + span.length) as usize]
}

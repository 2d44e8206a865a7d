//! What is written is what was published, byte for byte: when a piece is verified, and again when its file is closed.

use super::{Checker, Kept, Moment};

pub(super) struct PublishedContent;

fn compare(moment: Moment, kept: Kept) -> Result<(), String> {
    let file = &moment.scenario.files[kept.file];
    if file.piece(kept.piece) == Some(kept.content) {
        return Ok(());
    }
    Err(format!("piece {} of {} is not what was published", kept.piece, file.name))
}

impl Checker for PublishedContent {
    fn written(&mut self, moment: Moment, kept: Kept) -> Result<(), String> {
        compare(moment, kept)
    }

    fn closed(&mut self, moment: Moment, kept: Kept) -> Result<(), String> {
        compare(moment, kept)
    }
}

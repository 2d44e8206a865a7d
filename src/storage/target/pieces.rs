//! Which pieces are held, and who may write one right now.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::metainfo::{Bitfield, PieceIndex};

/// The state of every piece. One thread at a time writes a piece, and nobody writes one that is held: what was verified is
/// never written over by what was not.
#[derive(Debug)]
pub(super) struct Pieces {
    states: Mutex<Vec<State>>,
    freed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Missing,
    /// Somebody looks for it or writes it, and will be done soon.
    Claimed,
    /// It comes block by block, which may take long.
    Drafted,
    Held,
}

/// The right to write a piece. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    pieces: Arc<Pieces>,
    piece: PieceIndex,
}

/// Whether a piece may be written.
#[derive(Debug)]
pub(super) enum Claimed {
    /// It may.
    Free(Claim),
    /// It is held already.
    Held,
    /// It comes block by block.
    Drafted,
}

impl Pieces {
    /// So many pieces, none of which is held.
    pub(super) fn new(pieces: u32) -> Arc<Self> {
        Arc::new(Self { states: Mutex::new(vec![State::Missing; pieces as usize]), freed: Condvar::new() })
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_held(&self, piece: PieceIndex) -> bool {
        self.states().get(piece.as_usize()) == Some(&State::Held)
    }

    /// The pieces that are held.
    pub(super) fn held(&self) -> Bitfield {
        let states = self.states();
        let mut held = Bitfield::none(states.len() as u32);
        for (index, _) in states.iter().enumerate().filter(|(_, state)| **state == State::Held) {
            held.insert(PieceIndex(index as u32));
        }
        held
    }

    /// Claims a piece to write it whole; waits for another thread that does so.
    pub(super) fn claim(self: &Arc<Self>, piece: PieceIndex) -> Claimed {
        let claimed = |states: &mut Vec<State>| states[piece.as_usize()] == State::Claimed;
        let mut states = self.freed.wait_while(self.states(), claimed).unwrap_or_else(PoisonError::into_inner);
        self.take(&mut states, piece, State::Claimed)
    }

    /// Claims a piece to write it block by block; does not wait.
    pub(super) fn draft(self: &Arc<Self>, piece: PieceIndex) -> Option<Claim> {
        let mut states = self.states();
        if states[piece.as_usize()] == State::Claimed {
            return None;
        }
        match self.take(&mut states, piece, State::Drafted) {
            Claimed::Free(claim) => Some(claim),
            Claimed::Held | Claimed::Drafted => None,
        }
    }

    fn take(self: &Arc<Self>, states: &mut [State], piece: PieceIndex, to: State) -> Claimed {
        match states[piece.as_usize()] {
            State::Held => Claimed::Held,
            State::Drafted => Claimed::Drafted,
            State::Missing | State::Claimed => {
                states[piece.as_usize()] = to;
                Claimed::Free(Claim { pieces: Arc::clone(self), piece })
            }
        }
    }
}

impl Claim {
    pub(super) fn piece(&self) -> PieceIndex {
        self.piece
    }

    /// The piece is held from now on.
    pub(super) fn fulfil(self) {
        self.pieces.states()[self.piece.as_usize()] = State::Held;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let state = &mut self.pieces.states()[self.piece.as_usize()];
        if *state != State::Held {
            *state = State::Missing;
        }
        self.pieces.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: PieceIndex = PieceIndex(1);

    #[test]
    fn a_piece_that_is_held_is_never_written_again() {
        let pieces = Pieces::new(2);
        let Claimed::Free(claim) = pieces.claim(PIECE) else { panic!("it is free") };
        claim.fulfil();
        assert!(matches!(pieces.claim(PIECE), Claimed::Held) && pieces.draft(PIECE).is_none());
        assert_eq!(pieces.held().iter().collect::<Vec<_>>(), [PIECE]);
    }

    #[test]
    fn a_claim_that_is_dropped_leaves_the_piece_missing_and_free() {
        let pieces = Pieces::new(2);
        let draft = pieces.draft(PIECE).unwrap();
        assert!(pieces.draft(PIECE).is_none() && matches!(pieces.claim(PIECE), Claimed::Drafted));
        drop(draft);
        assert!(!pieces.is_held(PIECE) && matches!(pieces.claim(PIECE), Claimed::Free(_)));
    }

    #[test]
    fn who_comes_second_waits_and_finds_it_held() {
        let pieces = Pieces::new(2);
        let Claimed::Free(claim) = pieces.claim(PIECE) else { panic!("it is free") };
        std::thread::scope(|scope| {
            let second = scope.spawn(|| matches!(pieces.claim(PIECE), Claimed::Held));
            assert!(pieces.draft(PIECE).is_none());
            claim.fulfil();
            assert!(second.join().unwrap());
        });
    }
}

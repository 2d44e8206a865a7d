//! What goes wrong on a disk, on purpose: for the tests of this room, and only on the thread that asked for it.

use std::cell::RefCell;

use rustix::io::Errno;

/// What is to go wrong from now on, and what was called.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    /// After so many changing calls the process is as good as dead: no further call has an effect.
    pub(super) dies_after: Option<usize>,
    /// The call of this name fails like this, every time.
    pub(super) fails: Option<(&'static str, Errno)>,
    /// So many bytes can still be written: then the disk is full.
    pub(super) room: Option<usize>,
    /// So many times room can still be reserved.
    pub(super) reserves: Option<usize>,
    /// The longest write that the system takes at once.
    pub(super) longest_write: Option<usize>,
    /// Every second write is interrupted by a signal.
    pub(super) interrupts: bool,
    /// What was called, in order, as far as it changes something.
    pub(super) calls: Vec<&'static str>,
    /// How many writes were begun.
    pub(super) writes: usize,
}

thread_local! {
    static MISHAPS: RefCell<Mishaps> = RefCell::default();
}

/// Plans what goes wrong on this thread.
pub(super) fn plan(mishaps: Mishaps) {
    MISHAPS.set(mishaps);
}

/// From now on nothing goes wrong; what was called until now.
pub(super) fn end() -> Vec<&'static str> {
    MISHAPS.take().calls
}

/// Asked before each call.
pub(super) fn step(call: &'static str) -> Result<(), Errno> {
    MISHAPS.with_borrow_mut(|mishaps| {
        if mishaps.dies_after.is_some_and(|calls| mishaps.calls.len() >= calls) {
            return Err(Errno::IO);
        }
        if !matches!(call, "open" | "stat" | "read" | "seek" | "readlink" | "list" | "statvfs" | "lock") {
            mishaps.calls.push(call);
        }
        if let ("reserve", Some(left)) = (call, &mut mishaps.reserves) {
            *left = left.checked_sub(1).ok_or(Errno::NOSPC)?;
        }
        match mishaps.fails {
            Some((which, errno)) if which == call => Err(errno),
            _ => Ok(()),
        }
    })
}

/// Asked before each write: how much of it the system takes.
pub(super) fn allowed(bytes: usize) -> Result<usize, Errno> {
    MISHAPS.with_borrow_mut(|mishaps| {
        mishaps.writes += 1;
        if mishaps.interrupts && mishaps.writes % 2 == 1 {
            return Err(Errno::INTR);
        }
        let bytes = bytes.min(mishaps.longest_write.unwrap_or(bytes));
        match &mut mishaps.room {
            None => Ok(bytes),
            Some(0) => Err(Errno::NOSPC),
            Some(room) => {
                let part = bytes.min(*room);
                *room -= part;
                Ok(part)
            }
        }
    })
}

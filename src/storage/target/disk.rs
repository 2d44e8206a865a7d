//! Every call by which a target touches a disk, each one a function, so that tests can fail or stop any of them.

use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, Mode, OFlags, RenameFlags, SeekFrom, Stat, StatVfs, Timespec, Timestamps,
    UTIME_OMIT,
};
use rustix::io::{Errno, retry_on_intr};

#[cfg(test)]
use super::mishap::{allowed, step};
use crate::metainfo::Modified;

/// What the system answers.
pub(super) type Answer<T> = rustix::io::Result<T>;

const PLAIN: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);
const LISTING: OFlags = PLAIN.union(OFlags::DIRECTORY);

/// Outside of tests nothing goes wrong on purpose.
#[cfg(not(test))]
#[inline]
fn step(_call: &'static str) -> Answer<()> {
    Ok(())
}

#[cfg(not(test))]
#[inline]
fn allowed(bytes: usize) -> Answer<usize> {
    Ok(bytes)
}

/// Whether the system answered that there is no such name.
pub(super) fn found<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits & 0o7777)
}

/// Opens a folder as the place that names are looked up from.
pub(super) fn open_folder(at: impl AsFd, name: &[u8]) -> Answer<OwnedFd> {
    step("open")?;
    rustix::fs::openat(at, name, LISTING | OFlags::PATH, Mode::empty())
}

/// Opens a folder for its own sake: to list it, to change its mode.
pub(super) fn open_listing(at: impl AsFd, name: &[u8]) -> Answer<OwnedFd> {
    step("open")?;
    rustix::fs::openat(at, name, LISTING | OFlags::RDONLY, Mode::empty())
}

/// Opens a file to read it. What is no file is opened as well, without waiting for whoever is at its other end.
pub(super) fn open_to_read(at: impl AsFd, name: &[u8]) -> Answer<OwnedFd> {
    step("open")?;
    rustix::fs::openat(at, name, PLAIN | OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
}

/// Opens a file to read and write it.
pub(super) fn open_to_write(at: impl AsFd, name: &[u8]) -> Answer<OwnedFd> {
    step("open")?;
    rustix::fs::openat(at, name, PLAIN | OFlags::RDWR | OFlags::NONBLOCK, Mode::empty())
}

/// Opens a file to read and write it; makes it where it is missing.
pub(super) fn make_to_write(at: impl AsFd, name: &[u8], bits: u32) -> Answer<OwnedFd> {
    step("create")?;
    rustix::fs::openat(at, name, PLAIN | OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK, mode(bits))
}

/// Makes a file that is not there.
pub(super) fn create(at: impl AsFd, name: &[u8], bits: u32) -> Answer<OwnedFd> {
    step("create")?;
    rustix::fs::openat(at, name, PLAIN | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode(bits))
}

/// Makes a folder; tells whether it was missing.
pub(super) fn make_folder(at: impl AsFd, name: &[u8], bits: u32) -> Answer<bool> {
    step("mkdir")?;
    match rustix::fs::mkdirat(at, name, mode(bits)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a name stands for, links not followed.
pub(super) fn stat(at: impl AsFd, name: &[u8]) -> Answer<Option<Stat>> {
    step("stat")?;
    found(rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW))
}

/// What an open file is.
pub(super) fn stat_open(file: impl AsFd) -> Answer<Stat> {
    step("stat")?;
    rustix::fs::fstat(file)
}

/// Reads until the buffer is full or the file ends; tells how much there was.
pub(super) fn read_at(file: impl AsFd, into: &mut [u8], offset: u64) -> Answer<usize> {
    let mut read = 0;
    while read < into.len() {
        step("read")?;
        match retry_on_intr(|| rustix::io::pread(&file, &mut into[read..], offset + read as u64))? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// Writes all of it, in as many parts as the system takes.
pub(super) fn write_at(file: impl AsFd, bytes: &[u8], offset: u64) -> Answer<()> {
    let mut written = 0;
    while written < bytes.len() {
        let once = || {
            step("write")?;
            let part = allowed(bytes.len() - written)?;
            rustix::io::pwrite(&file, &bytes[written..written + part], offset + written as u64)
        };
        match retry_on_intr(once)? {
            0 => return Err(Errno::IO),
            more => written += more,
        }
    }
    Ok(())
}

/// Cuts a file, or makes it longer by a hole.
pub(super) fn set_length(file: impl AsFd, length: u64) -> Answer<()> {
    retry_on_intr(|| {
        step("truncate")?;
        rustix::fs::ftruncate(&file, length)
    })
}

/// Makes a file at least this long, and sees to it that there is room for all of it, where the file system can promise that.
pub(super) fn reserve(file: impl AsFd, length: u64) -> Answer<()> {
    let promised = retry_on_intr(|| {
        step("reserve")?;
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, length)
    });
    match promised {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => set_length(file, length),
        answer => answer,
    }
}

/// Makes a part of a file zeros that take no room; tells whether the file system can.
pub(super) fn punch(file: impl AsFd, range: Range<u64>) -> Answer<bool> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let punched = retry_on_intr(|| {
        step("punch")?;
        rustix::fs::fallocate(&file, hole, range.start, range.end - range.start)
    });
    match punched {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The parts of a file that are no holes; all of it where the file system does not say.
pub(super) fn data_ranges(file: impl AsFd, length: u64) -> Answer<Vec<Range<u64>>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while from < length {
        let start = match step("seek").and_then(|()| rustix::fs::seek(&file, SeekFrom::Data(from))) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(std::iter::once(0..length).collect()),
            Err(error) => return Err(error),
        };
        from = rustix::fs::seek(&file, SeekFrom::Hole(start))?;
        ranges.push(start..from);
    }
    Ok(ranges)
}

fn times(modified: Modified) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanos.into() },
    }
}

/// Says when an open file last changed.
pub(super) fn set_time(file: impl AsFd, modified: Modified) -> Answer<()> {
    step("utimens")?;
    rustix::fs::futimens(file, &times(modified))
}

/// Says when a file, a folder or a link itself last changed.
pub(super) fn set_time_of(at: impl AsFd, name: &[u8], modified: Modified) -> Answer<()> {
    step("utimens")?;
    rustix::fs::utimensat(at, name, &times(modified), AtFlags::SYMLINK_NOFOLLOW)
}

/// Gives an open file or folder its permission bits.
pub(super) fn set_mode(file: impl AsFd, bits: u32) -> Answer<()> {
    step("chmod")?;
    rustix::fs::fchmod(file, mode(bits))
}

/// Makes a symbolic link.
pub(super) fn make_symlink(says: &[u8], at: impl AsFd, name: &[u8]) -> Answer<()> {
    step("symlink")?;
    rustix::fs::symlinkat(says, at, name)
}

/// What a symbolic link says.
pub(super) fn read_link(at: impl AsFd, name: &[u8]) -> Answer<Vec<u8>> {
    step("readlink")?;
    Ok(rustix::fs::readlinkat(at, name, Vec::new())?.into_bytes())
}

/// Gives a file another name.
pub(super) fn make_hard_link(from: impl AsFd, first: &[u8], at: impl AsFd, name: &[u8]) -> Answer<()> {
    step("link")?;
    rustix::fs::linkat(from, first, at, name, AtFlags::empty())
}

/// Moves something over whatever has its new name.
pub(super) fn rename_over(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Answer<()> {
    step("rename")?;
    rustix::fs::renameat(from, old, to, new)
}

/// Moves something to a name that nothing has; [`Errno::EXIST`] where something does.
pub(super) fn rename_to_free(from: impl AsFd, old: &[u8], to: impl AsFd, new: &[u8]) -> Answer<()> {
    let at_once = || rustix::fs::renameat_with(&from, old, &to, new, RenameFlags::NOREPLACE);
    match step("place").and_then(|()| at_once()) {
        // NFS and others cannot promise it in one step.
        Err(Errno::INVAL | Errno::NOSYS) => match stat(&to, new)? {
            Some(_) => Err(Errno::EXIST),
            None => rename_over(from, old, to, new),
        },
        answer => answer,
    }
}

/// Takes away the name of what is no folder, where there is one.
pub(super) fn unlink(at: impl AsFd, name: &[u8]) -> Answer<()> {
    step("unlink")?;
    found(rustix::fs::unlinkat(at, name, AtFlags::empty())).map(drop)
}

/// Takes away an empty folder, where there is one.
pub(super) fn remove_folder(at: impl AsFd, name: &[u8]) -> Answer<()> {
    step("rmdir")?;
    found(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)).map(drop)
}

/// The names in a folder that was opened as a listing.
pub(super) fn names(listing: impl AsFd) -> Answer<Vec<Vec<u8>>> {
    step("list")?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(listing)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if !matches!(&name[..], b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

/// Waits until all that was written to the file system is on its disk (errors are told since Linux 5.8).
pub(super) fn sync_all(any: impl AsFd) -> Answer<()> {
    step("sync")?;
    retry_on_intr(|| rustix::fs::syncfs(&any))
}

/// What the file system has left.
pub(super) fn room(any: impl AsFd) -> Answer<StatVfs> {
    step("statvfs")?;
    rustix::fs::fstatvfs(any)
}

/// Locks a file for as long as it stays open; tells whether nobody else had.
pub(super) fn lock(file: impl AsFd) -> Answer<bool> {
    step("lock")?;
    match retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets go of a lock, also where a process that is just being started has the file open as well.
pub(super) fn unlock(file: impl AsFd) {
    // What cannot be unlocked is unlocked by being closed.
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
}

//! The terminal at which a rank's stderr ends, where it ends at one.
//!
//! A rank cannot ask its own stderr. Every launcher puts a pipe between its ranks and itself, so stderr is none of a
//! rank's terminals even where the user watches; and Open MPI makes a rank's stdout a pseudo-terminal even where the user
//! has sent mpirun's output into a file. What counts is where the launcher's own stderr goes.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;

/// What the launchers of MPI programs are called; the system cuts names at 15 bytes.
const LAUNCHERS: [&str; 6] = ["mpirun", "mpiexec", "orterun", "prterun", "hydra_pmi_proxy", "hydra_bstrap_pr"];
/// A rank is at most a few launchers away from the user.
const FARTHEST: usize = 4;

/// Whether what this process writes to stderr is shown on a terminal.
pub(super) fn stderr_ends_at_a_terminal() -> bool {
    io::stderr().is_terminal() || launcher_has_terminal(parent_id(), look)
}

struct Process {
    name: String,
    parent: u32,
    stderr: PathBuf,
}

/// Follows the launchers up from a process, to one whose stderr is a terminal.
fn launcher_has_terminal(mut process: u32, look: impl Fn(u32) -> Option<Process>) -> bool {
    for _ in 0..FARTHEST {
        let Some(found) = look(process) else { return false };
        if !LAUNCHERS.iter().any(|launcher| found.name.starts_with(launcher)) {
            return false;
        }
        if found.stderr.starts_with("/dev/pts") || found.stderr.to_string_lossy().starts_with("/dev/tty") {
            return true;
        }
        process = found.parent;
    }
    false
}

/// Reads `/proc`; finds nothing on a system that has none, and then there is no bar.
fn look(process: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // `pid (name) state parent ..`, and the name may hold anything.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
    let stderr = fs::read_link(format!("/proc/{process}/fd/2")).ok()?;
    Some(Process { name: name.to_owned(), parent, stderr })
}

/// A terminal behind a pipe: it obeys escape sequences, but cannot be asked for its size.
#[derive(Debug)]
pub(super) struct Forwarded<W> {
    out: Mutex<W>,
}

impl<W: Write> Forwarded<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: Mutex::new(out) }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes())
    }

    fn move_cursor(&self, by: usize, direction: char) -> io::Result<()> {
        if by == 0 { Ok(()) } else { self.write(&format!("\x1b[{by}{direction}")) }
    }
}

impl<W: Write + std::fmt::Debug + Send> TermLike for Forwarded<W> {
    fn width(&self) -> u16 {
        80
    }

    fn move_cursor_up(&self, by: usize) -> io::Result<()> {
        self.move_cursor(by, 'A')
    }

    fn move_cursor_down(&self, by: usize) -> io::Result<()> {
        self.move_cursor(by, 'B')
    }

    fn move_cursor_right(&self, by: usize) -> io::Result<()> {
        self.move_cursor(by, 'C')
    }

    fn move_cursor_left(&self, by: usize) -> io::Result<()> {
        self.move_cursor(by, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write(&format!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Process 1 is the rank's parent, 2 its parent, and so on.
    fn shown(ancestors: &[(&str, &str)]) -> bool {
        launcher_has_terminal(1, |process| {
            let (name, stderr) = ancestors.get(process as usize - 1)?;
            Some(Process { name: (*name).to_owned(), parent: process + 1, stderr: PathBuf::from(stderr) })
        })
    }

    #[test]
    fn open_mpi_is_the_parent_itself() {
        assert!(shown(&[("mpirun.openmpi", "/dev/pts/3"), ("bash", "/dev/pts/3")]));
        assert!(!shown(&[("mpirun.openmpi", "/tmp/log"), ("bash", "/dev/pts/3")]));
    }

    #[test]
    fn mpich_has_a_proxy_between() {
        assert!(shown(&[("hydra_pmi_proxy", "pipe:[4]"), ("mpirun.mpich", "/dev/pts/3")]));
        assert!(!shown(&[("hydra_pmi_proxy", "pipe:[4]"), ("mpirun.mpich", "pipe:[9]"), ("make", "/dev/pts/3")]));
    }

    #[test]
    fn what_is_no_launcher_may_keep_stderr_for_itself() {
        assert!(!shown(&[("sh", "/dev/pts/3")]));
        assert!(!shown(&[]));
    }

    #[test]
    fn the_search_ends() {
        assert!(!shown(&[("mpirun", "pipe:[4]"); 50]));
    }

    #[test]
    fn a_process_is_found_as_it_is() {
        let own = look(std::process::id()).unwrap();
        assert_eq!(own.parent, parent_id());
        assert!(!own.name.is_empty());
    }
}

//! The terminal at which a rank's stdout ends, where it ends at one.
//!
//! A rank cannot ask its own stdout: launchers put a pipe between their ranks and themselves, so it is none even where the
//! user watches, and Open MPI makes it a pseudo-terminal even where the user has sent mpirun's output into a file. What
//! counts is where the launcher's own stdout goes.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;

/// What the launchers of MPI programs are called, and what they start on other nodes; the system cuts names at 15 bytes.
const LAUNCHERS: [&str; 8] =
    ["mpirun", "mpiexec", "orterun", "prterun", "hydra_pmi_proxy", "hydra_bstrap_pr", "orted", "prted"];
/// A rank is at most a few shells and launchers away from the user.
const FARTHEST: usize = 8;

/// Whether what this process writes to stdout is shown on a terminal.
pub(super) fn stdout_ends_at_a_terminal() -> bool {
    match farthest_launcher(parent_id(), look) {
        Some(launcher) => launcher.has_terminal(),
        None => io::stdout().is_terminal(),
    }
}

struct Process {
    name: String,
    parent: u32,
    stdout: PathBuf,
}

impl Process {
    fn is_launcher(&self) -> bool {
        LAUNCHERS.iter().any(|launcher| self.name.starts_with(launcher))
    }

    fn has_terminal(&self) -> bool {
        self.stdout.starts_with("/dev/pts") || self.stdout.to_string_lossy().starts_with("/dev/tty")
    }
}

/// Follows the launchers up from a process, to the one that the user started. A shell may stand between them and the rank.
fn farthest_launcher(parent: u32, look: impl Fn(u32) -> Option<Process>) -> Option<Process> {
    let ancestors = std::iter::successors(look(parent), |process| look(process.parent)).take(FARTHEST);
    ancestors.skip_while(|process| !process.is_launcher()).take_while(Process::is_launcher).last()
}

/// Reads `/proc`; finds nothing on a system that has none.
fn look(process: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // `pid (name) state parent ..`, and the name may hold anything.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
    let stdout = fs::read_link(format!("/proc/{process}/fd/1")).ok()?;
    Some(Process { name: name.to_owned(), parent, stdout })
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
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())?;
        // Stdout keeps back what is no whole line.
        out.flush()
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
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Process 1 is the rank's parent, 2 its parent, and so on.
    fn shown(ancestors: &[(&str, &str)]) -> Option<bool> {
        let look = |process: u32| {
            let (name, stdout) = ancestors.get(process as usize - 1)?;
            Some(Process { name: (*name).to_owned(), parent: process + 1, stdout: PathBuf::from(stdout) })
        };
        farthest_launcher(1, look).map(|launcher| launcher.has_terminal())
    }

    #[test]
    fn open_mpi_is_the_parent_itself() {
        assert_eq!(shown(&[("mpirun.openmpi", "/dev/pts/3"), ("bash", "/dev/pts/3")]), Some(true));
        assert_eq!(shown(&[("mpirun.openmpi", "/tmp/log"), ("bash", "/dev/pts/3")]), Some(false));
    }

    #[test]
    fn mpich_has_a_proxy_between() {
        assert_eq!(shown(&[("hydra_pmi_proxy", "pipe:[4]"), ("mpirun.mpich", "/dev/pts/3")]), Some(true));
        let piped = [("hydra_pmi_proxy", "pipe:[4]"), ("mpirun.mpich", "pipe:[9]"), ("make", "/dev/pts/3")];
        assert_eq!(shown(&piped), Some(false));
    }

    #[test]
    fn from_another_node_the_users_terminal_cannot_be_seen_and_open_mpis_own_is_none() {
        assert_eq!(shown(&[("orted", "pipe:[4]"), ("slurmstepd", "/dev/null")]), Some(false));
        assert_eq!(shown(&[("prted", "/dev/null"), ("init", "/dev/null")]), Some(false));
    }

    #[test]
    fn a_shell_between_the_launcher_and_the_rank_is_passed_over() {
        assert_eq!(shown(&[("sh", "/dev/pts/9"), ("mpirun.openmpi", "/tmp/log"), ("bash", "/dev/pts/3")]), Some(false));
        assert_eq!(shown(&[("sh", "/dev/pts/9"), ("mpirun.openmpi", "/dev/pts/3")]), Some(true));
    }

    #[test]
    fn without_a_launcher_there_is_nobody_to_ask() {
        assert_eq!(shown(&[("sh", "/dev/pts/3")]), None);
        assert_eq!(shown(&[]), None);
    }

    #[test]
    fn the_search_ends() {
        let own_parent = |_| Some(Process { name: "mpirun".into(), parent: 1, stdout: PathBuf::from("/dev/pts/3") });
        assert!(farthest_launcher(1, own_parent).is_some());
    }

    #[test]
    fn a_process_is_found_as_it_is() {
        let own = look(std::process::id()).unwrap();
        assert_eq!(own.parent, parent_id());
        assert!(!own.name.is_empty());
    }
}

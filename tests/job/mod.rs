//! A job that ends in time and leaves no process behind, for the tests that start mpirun.

pub(crate) mod launcher;
mod processes;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::launcher::{Kind, Launcher};

/// Every process of a job carries this variable, by which those that are left behind are found.
const MARK: &str = "TEMA3_TEST_JOB";
/// How long a job may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// How many lines of stdout say this.
    pub(crate) fn said(&self, what: &str) -> usize {
        lines_with(&self.stdout, what)
    }

    /// Whether a job that was sent a signal may have ended with this code. Hydra (MPICH 4.0.2) forgets the codes of ranks
    /// to which it has passed a signal on, and ends with 0, unless it sees one of them end while another's output is open
    /// still. What the ranks say of it tells more.
    #[allow(dead_code, reason = "not all tests that start mpirun send signals")]
    pub(crate) fn ended_after_signal(&self, code: i32) -> bool {
        self.code == code || self.code == 0 && Launcher::get().kind == Kind::Other
    }
}

/// A job that runs. One at a time does, whatever the number of test threads: some measure time.
pub(crate) struct Running {
    command: String,
    mark: String,
    begun: Instant,
    child: Child,
    stdout: Pipe,
    stderr: Pipe,
    /// None in a job that runs beside another of the same test.
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Running {
    /// Starts a job in a process group of its own.
    pub(crate) fn start(command: Command) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        Self::begin(command, Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Starts another job while this one runs.
    #[allow(dead_code, reason = "not all tests that start mpirun start it twice")]
    pub(crate) fn start_beside(&self, command: Command) -> Self {
        Self::begin(command, None)
    }

    fn begin(mut command: Command, alone: Option<MutexGuard<'static, ()>>) -> Self {
        static JOBS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), JOBS.fetch_add(1, Ordering::Relaxed));
        command.env(MARK, &mark).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, stderr) = (Pipe::read(child.stdout.take()), Pipe::read(child.stderr.take()));
        let (command, mark) = (format!("{command:?}"), format!("{MARK}={mark}"));
        Self { command, mark, begun, child, stdout, stderr, _alone: alone }
    }

    /// Waits until so many lines of stdout say this, or the job is late anyway.
    pub(crate) fn hear(&self, what: &str, lines: usize) {
        while lines_with(&self.stdout.text(), what) < lines && self.begun.elapsed() < DEADLINE {
            // A reader fills the text meanwhile; the deadline ends this.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to its first process: the launcher.
    pub(crate) fn signal(&self, signal: &str) {
        processes::send(signal, &self.child.id().to_string());
    }

    /// Sends a signal to the process that is this rank.
    #[allow(dead_code, reason = "not all tests that start mpirun kill a rank")]
    pub(crate) fn signal_rank(&self, rank: u32, signal: &str) {
        let processes = processes::of_rank(&self.mark, rank);
        let [process] = processes[..] else { panic!("rank {rank} is {processes:?} of {}", self.command) };
        processes::send(signal, &process.to_string());
    }

    /// Waits for its end. Panics where that does not come in time, or processes are left behind.
    pub(crate) fn end(mut self) -> Ended {
        let code = processes::wait(&mut self.child, self.begun + DEADLINE);
        let took = self.begun.elapsed();
        let left = processes::left_behind(&self.mark);
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        let said = format!("{}\n--- stdout\n{stdout}\n--- stderr\n{stderr}", self.command);
        assert!(left.is_empty(), "processes {left:?} were left behind by {said}");
        let code = code.unwrap_or_else(|| panic!("not ended after {DEADLINE:?}: {said}"));
        Ended { code, stdout, stderr, took }
    }
}

fn lines_with(text: &str, what: &str) -> usize {
    text.lines().filter(|line| line.contains(what)).count()
}

/// What comes through a pipe, read beside the test.
struct Pipe {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Pipe {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let mut pipe = BufReader::new(pipe.expect("it is piped"));
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut line = Vec::new();
            // What was read before an error is shown all the same.
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                *shared.lock().expect("nobody panics with it") += &String::from_utf8_lossy(&line);
                line.clear();
            }
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        self.text.lock().expect("nobody panics with it").clone()
    }

    fn all(self) -> String {
        self.reader.join().expect("readers do not panic");
        self.text.lock().expect("nobody panics with it").clone()
    }
}

//! A job under mpirun that ends in time and leaves no process behind.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tema3");
/// Every process of a job carries this variable, by which those that are left behind are found.
const MARK: &str = "TEMA3_TEST_JOB";
/// What a launcher sets for its ranks: a test under mpirun must not hand its own on.
const OF_A_RANK: [&str; 8] = [
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK",
    "PMI_SIZE",
    "PMIX_RANK",
    "SLURM_PROCID",
    "SLURM_STEP_ID",
    "SLURM_NTASKS",
];

/// What a job is to run.
pub(crate) struct Job<'a> {
    ranks: u32,
    folder: &'a Path,
    folders: Folders,
    deadline: Duration,
    words: Vec<String>,
}

/// Where the ranks of a job stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folders {
    /// All in one folder.
    Shared,
    /// Rank R in `rank<R>` below it.
    OneEach,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl<'a> Job<'a> {
    /// A job of so many ranks, all standing in `folder`.
    pub(crate) fn new(ranks: u32, folder: &'a Path) -> Self {
        Self { ranks, folder, folders: Folders::Shared, deadline: Duration::from_secs(60), words: Vec::new() }
    }

    /// Lets rank R stand in `rank<R>` below the folder.
    pub(crate) fn in_folders_of_their_own(mut self) -> Self {
        self.folders = Folders::OneEach;
        self
    }

    /// Adds words to the program's command line.
    pub(crate) fn with<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Runs it. Panics where it does not end in time, or leaves a process behind.
    pub(crate) fn run(self) -> Ended {
        let launcher = Launcher::get();
        let mut command = outside_of_any_job(&launcher.program);
        command.args(launcher.options()).args(["-np", &self.ranks.to_string()]);
        match self.folders {
            Folders::Shared => command.arg(PROGRAM),
            Folders::OneEach => {
                let enter = r#"cd "rank${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" && exec "$0" "$@""#;
                command.args(["sh", "-c", enter, PROGRAM])
            }
        };
        command.args(&self.words).current_dir(self.folder);
        command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
        watch(command, self.deadline)
    }
}

/// Runs the program without a launcher, standing in `folder`.
pub(crate) fn run_alone<W: AsRef<str>>(folder: &Path, words: impl IntoIterator<Item = W>) -> Ended {
    let mut command = outside_of_any_job(PROGRAM.as_ref());
    command.args(words.into_iter().map(|word| word.as_ref().to_owned())).current_dir(folder);
    watch(command, Duration::from_secs(60))
}

/// Runs one rank of four as the launcher of another MPI would: it sets its own variables, of which this MPI knows nothing.
pub(crate) fn run_under_another_launcher(folder: &Path) -> Ended {
    let mut command = outside_of_any_job(PROGRAM.as_ref());
    let [rank, ranks] = match Launcher::get().kind {
        Kind::OpenMpi => ["PMI_RANK", "PMI_SIZE"],
        Kind::Other => ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    };
    command.envs([(rank, "0"), (ranks, "4")]).current_dir(folder);
    watch(command, Duration::from_secs(60))
}

/// A program that does not see in which job this test may itself be running.
fn outside_of_any_job(program: &Path) -> Command {
    let mut command = Command::new(program);
    OF_A_RANK.iter().for_each(|name| _ = command.env_remove(name));
    command
}

/// How often a run that must always end alike is repeated.
pub(crate) fn repeats() -> u32 {
    std::env::var("TEMA3_REPEATS").ok().and_then(|repeats| repeats.parse().ok()).unwrap_or(2)
}

struct Launcher {
    program: PathBuf,
    kind: Kind,
}

#[derive(PartialEq, Eq)]
enum Kind {
    OpenMpi,
    Other,
}

impl Launcher {
    fn get() -> &'static Self {
        static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
        LAUNCHER.get_or_init(|| {
            let names =
                std::env::var("MPIRUN").map_or(vec!["mpirun.openmpi".into(), "mpirun".into()], |name| vec![name]);
            let version = |name: &String| Command::new(name).arg("--version").output().ok();
            let found = names.iter().find_map(|name| Some((name, version(name)?)));
            let (name, version) = found.unwrap_or_else(|| panic!("none of {names:?} can be run; set MPIRUN"));
            let is_open_mpi = String::from_utf8_lossy(&version.stdout).contains("open-mpi.org");
            Self { program: name.into(), kind: if is_open_mpi { Kind::OpenMpi } else { Kind::Other } }
        })
    }

    fn options(&self) -> &'static [&'static str] {
        if self.kind == Kind::OpenMpi { &["--oversubscribe"] } else { &[] }
    }
}

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::new(());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(mut command: Command, deadline: Duration) -> Ended {
    static JOBS: AtomicU32 = AtomicU32::new(0);
    let mark = format!("{MARK}={}-{}", std::process::id(), JOBS.fetch_add(1, Ordering::Relaxed));
    let _running = one_at_a_time();
    let (name, value) = mark.split_once('=').expect("it was just put there");
    command.env(name, value).process_group(0);
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = reader(child.stdout.take().expect("it is piped"));
    let stderr = reader(child.stderr.take().expect("it is piped"));
    let code = wait(&mut child, begun + deadline);
    let took = begun.elapsed();
    let left = left_behind(&mark);
    let (stdout, stderr) = (stdout.join().expect("readers do not panic"), stderr.join().expect("readers do not panic"));
    let said = format!("{command:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    assert!(left.is_empty(), "processes {left:?} were left behind by {said}");
    let code = code.unwrap_or_else(|| panic!("not ended after {deadline:?}: {said}"));
    Ended { code, stdout, stderr, took }
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is shown all the same.
        _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit code, or none where the job had to be ended at its deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<i32> {
    let mut ended = wait_until(child, deadline);
    let is_late = ended.is_none();
    for signal in ["-TERM", "-KILL"] {
        if ended.is_none() {
            send(signal, &format!("-{}", child.id()));
            ended = wait_until(child, Instant::now() + Duration::from_secs(5));
        }
    }
    if is_late { None } else { ended }
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<i32> {
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Processes of a job that is over, which are ended; they get a moment to leave by themselves.
fn left_behind(mark: &str) -> Vec<u32> {
    let deadline = Instant::now() + Duration::from_secs(3);
    loop {
        let left = marked(mark);
        if left.is_empty() || Instant::now() > deadline {
            left.iter().for_each(|process| send("-KILL", &process.to_string()));
            return left;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn marked(mark: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes()) {
            found.push(process);
        }
    }
    found
}

fn send(signal: &str, target: &str) {
    // A process that is gone by now needs no signal.
    _ = Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status();
}

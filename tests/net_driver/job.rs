//! A story under mpirun, with a deadline.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Names the story to the ranks.
pub(crate) const STORY: &str = "TEMA3_DRIVER_STORY";

const DEADLINE: Duration = Duration::from_secs(60);

/// One at a time: they measure time.
static ALONE: Mutex<()> = Mutex::new(());

/// A story to be played.
pub(crate) struct Job {
    story: &'static str,
    ranks: u32,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// How many lines say this.
    pub(crate) fn said(&self, what: &str) -> usize {
        self.stdout.lines().filter(|line| line.contains(what)).count()
    }
}

impl Job {
    pub(crate) fn new(story: &'static str, ranks: u32) -> Self {
        Self { story, ranks }
    }

    /// Plays it to its end; ends it where that does not come.
    pub(crate) fn run(self) -> Ended {
        let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let launcher = std::env::var("MPIRUN").unwrap_or_else(|_| "mpirun".into());
        let version = Command::new(&launcher).arg("--version").output().expect("MPIRUN can be started");
        let mut command = Command::new(&launcher);
        if String::from_utf8_lossy(&version.stdout).contains("Open") {
            command.arg("--oversubscribe");
        }
        let started = Instant::now();
        let mut child = command
            .args(["-np", &self.ranks.to_string()])
            .arg(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "plays_one_rank_of_a_story", "--ignored", "--nocapture", "--quiet"])
            .env(STORY, self.story)
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("mpirun can be started");
        let (stdout, stderr) = (Reader::of(child.stdout.take()), Reader::of(child.stderr.take()));
        if self.story == "signal" {
            while stdout.said("ready") < self.ranks as usize && started.elapsed() < DEADLINE {
                std::thread::sleep(Duration::from_millis(5));
            }
            kill("-USR1", &child.id().to_string());
        }
        let code = wait(&mut child, started);
        let took = started.elapsed();
        Ended { code, stdout: stdout.all(), stderr: stderr.all(), took }
    }
}

fn wait(child: &mut Child, started: Instant) -> i32 {
    let mut mercy = ["-TERM", "-KILL"].into_iter();
    let mut deadline = DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return status.code().unwrap_or(-1);
        }
        if started.elapsed() > deadline {
            let signal = mercy.next().expect("a killed job ends");
            kill(signal, &format!("-{}", child.id()));
            deadline += Duration::from_secs(5);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(signal: &str, whom: &str) {
    let status = Command::new("kill").args([signal, "--", whom]).status().expect("kill is there");
    assert!(status.success(), "kill {signal} {whom}");
}

/// Reads a pipe to its end beside the test.
struct Reader {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let mut lines = BufReader::new(pipe.expect("it is piped")).lines();
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                *shared.lock().expect("nobody panics with it") += &(line + "\n");
            }
        });
        Self { text, thread }
    }

    fn said(&self, what: &str) -> usize {
        self.text.lock().expect("nobody panics with it").lines().filter(|line| line.contains(what)).count()
    }

    fn all(self) -> String {
        self.thread.join().expect("readers do not panic");
        self.text.lock().expect("nobody panics with it").clone()
    }
}

//! The processes of a job: waited for, and ended where they do not end.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The exit code, or none where the job had to be ended at its deadline.
pub(super) fn wait(child: &mut Child, deadline: Instant) -> Option<i32> {
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
pub(super) fn left_behind(mark: &str) -> Vec<u32> {
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

/// Sends a signal to a process, or to a group of them.
pub(super) fn send(signal: &str, target: &str) {
    // A process that is gone by now needs no signal.
    _ = Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status();
}

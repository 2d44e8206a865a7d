//! The processes of a job: waited for, and ended where they do not end.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

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
        // No process is waited for with a limit.
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
        // The end of processes of others is told to nobody; the deadline ends this.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The processes of a job that the launcher has made this rank.
pub(super) fn of_rank(mark: &str, rank: u32) -> Vec<u32> {
    let names = ["OMPI_COMM_WORLD_RANK", "PMI_RANK"].map(|name| format!("{name}={rank}"));
    let of_rank = |variable: &[u8]| names.iter().any(|name| name.as_bytes() == variable);
    processes_with(|variables| variables.contains(&mark.as_bytes()) && variables.iter().any(|it| of_rank(it)))
}

fn marked(mark: &str) -> Vec<u32> {
    processes_with(|variables| variables.contains(&mark.as_bytes()))
}

/// The processes whose environment is like that.
fn processes_with(is_one: impl Fn(&[&[u8]]) -> bool) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        let variables: Vec<&[u8]> = environment.split(|&byte| byte == 0).collect();
        if is_one(&variables) {
            found.push(process);
        }
    }
    found
}

/// Sends a signal to a process, or to a group of them where there is a minus before the number. Not by the command: a
/// small system has none.
pub(super) fn send(signal: &str, target: &str) {
    let signal = match signal {
        "-HUP" => Signal::HUP,
        "-INT" => Signal::INT,
        "-KILL" => Signal::KILL,
        "-TERM" => Signal::TERM,
        "-USR1" => Signal::USR1,
        other => panic!("{other} is sent by no test yet"),
    };
    let pid = |number: &str| number.parse().ok().and_then(Pid::from_raw).expect("a process has a number");
    let sent = match target.strip_prefix('-') {
        Some(group) => kill_process_group(pid(group), signal),
        None => kill_process(pid(target), signal),
    };
    // A process that is gone by now needs no signal.
    assert!(matches!(sent, Ok(()) | Err(Errno::SRCH)), "{sent:?}");
}

//! Runs the program and those that it is compared with, each to its end.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tema3");
/// The first is the system's own, which a python3 of the user's may hide.
const PYTHONS: [&str; 2] = ["/usr/bin/python3", "python3"];
/// What a launcher sets for a rank: the tests themselves may be run by one.
const LAUNCHERS: [&str; 4] = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"];

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `tema3 torrent` with these words, standing in `folder`.
pub(crate) fn torrent<W: AsRef<OsStr>>(folder: &Path, words: impl IntoIterator<Item = W>) -> Ended {
    torrent_into(Stdio::piped(), folder, words)
}

/// The same where it prints to somewhere else.
pub(crate) fn torrent_into<W: AsRef<OsStr>>(stdout: Stdio, folder: &Path, words: impl IntoIterator<Item = W>) -> Ended {
    let mut command = Command::new(PROGRAM);
    command.stdout(stdout);
    command.arg("torrent").args(words);
    LAUNCHERS.iter().for_each(|variable| _ = command.env_remove(variable));
    run(command, folder).expect("the program was built")
}

/// What `torrent show --json` says of a file.
pub(crate) fn shown(folder: &Path, file: &str) -> Value {
    let ended = torrent(folder, ["show", "--json", file]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("it is JSON")
}

/// Runs another program, which must be there and succeed; gives what it prints.
pub(crate) fn other(folder: &Path, program: &str, words: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(words);
    let ended = run(command, folder)
        .unwrap_or_else(|| panic!("{program} is not here: scripts/setup --tests installs it, where it can"));
    assert_eq!(ended.code, 0, "{program} {words:?}: {ended:?}");
    ended.stdout
}

/// Runs a script that uses libtorrent; gives the JSON that it prints.
pub(crate) fn libtorrent(folder: &Path, script: &str) -> Value {
    let mut knowing = PYTHONS.iter().filter(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import libtorrent"]);
        run(command, folder).is_some_and(|ended| ended.code == 0)
    });
    let python = knowing.next().unwrap_or_else(|| {
        panic!("no python3 here can import libtorrent: scripts/setup --tests installs it (python3-libtorrent), where it can")
    });
    let script = format!("import json\nimport libtorrent as lt\n{script}");
    serde_json::from_str(&other(folder, python, &["-W", "ignore", "-c", &script])).expect("the script prints JSON")
}

/// Nothing, where there is no such program.
fn run(mut command: Command, folder: &Path) -> Option<Ended> {
    command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.expect("a program can be started"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{command:?} ended by a signal: {output:?}"));
    Some(Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

//! A temporary folder from which a swarm runs, and what must come out of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tema3::assignment::Input;
use tempfile::TempDir;

use super::job::{Ended, Running};
use super::program::Job;

/// Outputs by name.
pub(crate) type Outputs = BTreeMap<String, Vec<u8>>;

/// The inputs of a swarm, by client, and its expected end.
#[derive(Clone, Debug)]
pub(crate) struct Swarm {
    pub(crate) name: String,
    pub(crate) ranks: u32,
    pub(crate) inputs: BTreeMap<u32, Vec<u8>>,
    pub(crate) expected: Outputs,
    pub(crate) exit: i32,
}

/// How the ranks' folders are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `--input IN --output OUT` for all.
    InAndOut,
    /// Each rank in a folder of its own, which holds its input and takes its output.
    OneEach,
}

/// A run of a swarm: how it ended and what came out.
pub(crate) struct Run {
    pub(crate) ended: Ended,
    pub(crate) outputs: Outputs,
    /// Where it ran, for what else was written there.
    pub(crate) folder: TempDir,
}

impl Swarm {
    /// Runs it with these words more on its command line.
    pub(crate) fn run(&self, layout: Layout, words: &[&str]) -> Run {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let input_of = |rank: u32| match layout {
            Layout::InAndOut => path.join("in"),
            Layout::OneEach => path.join(format!("rank{rank}")),
        };
        (0..self.ranks).for_each(|rank| std::fs::create_dir_all(input_of(rank)).expect("a new folder"));
        for (client, bytes) in &self.inputs {
            std::fs::write(input_of(*client).join(format!("in{client}.txt")), bytes).expect("a new file");
        }
        let job = Job::new(self.ranks, path).with(words);
        let (ended, outputs) = match layout {
            Layout::InAndOut => (job.with(["--input", "in", "--output", "out"]).run(), files(&path.join("out"))),
            Layout::OneEach => {
                let ended = job.in_folders_of_their_own().run();
                let mut outputs: Outputs = (0..self.ranks).flat_map(|rank| files(&input_of(rank))).collect();
                outputs.retain(|name, _| !name.starts_with("in"));
                (ended, outputs)
            }
        };
        Run { ended, outputs, folder }
    }

    /// Puts its inputs into a folder.
    pub(crate) fn put_into(&self, folder: &Path) {
        for (client, bytes) in &self.inputs {
            std::fs::write(folder.join(Input::file_name(*client)), bytes).expect("a new file");
        }
    }

    /// Starts it in a folder where its inputs are put and all ranks stand.
    pub(crate) fn start_in(&self, folder: &Path, words: &[&str]) -> Running {
        self.put_into(folder);
        Job::new(self.ranks, folder).with(words).start()
    }

    /// Runs it and compares the exit code, and every output byte by byte.
    pub(crate) fn check(&self, layout: Layout) -> Run {
        let run = self.run(layout, &[]);
        let said = format!("{} ({layout:?})\n{}\n{}", self.name, run.ended.stdout, run.ended.stderr);
        assert_eq!(run.ended.code, self.exit, "exit code of {said}");
        let names = |outputs: &Outputs| outputs.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&run.outputs), names(&self.expected), "outputs of {said}");
        for (name, bytes) in &self.expected {
            assert!(run.outputs[name] == *bytes, "{name} differs in {said}");
        }
        run
    }

    /// The same with another input for a client, or with none.
    pub(crate) fn with_input(&self, client: u32, bytes: Option<&[u8]>) -> Self {
        let mut changed = self.clone();
        changed.inputs.remove(&client);
        changed.inputs.extend(bytes.map(|bytes| (client, bytes.to_vec())));
        changed
    }
}

/// The files of a folder, which may be missing.
pub(crate) fn files(folder: &Path) -> Outputs {
    let mut found = Outputs::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.expect("a readable folder");
        if entry.file_type().expect("a readable folder").is_file() {
            let name = entry.file_name().into_string().expect("names that tests give are text");
            found.insert(name, std::fs::read(entry.path()).expect("a readable file"));
        }
    }
    found
}

/// The root of this project.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

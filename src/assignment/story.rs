//! Makes inputs, and what must come out of them, from a seed.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::names::output_name;
use super::story_rules::RulesError;
use super::{Input, OwnedFile, StoryCard, StoryRules, Twist};
use crate::metainfo::{PieceHashes, PieceIndex};

/// A swarm's inputs and what must come out of them.
#[derive(Clone, Debug)]
pub struct Story {
    rules: StoryRules,
    files: Vec<SharedFile>,
    inputs: Vec<Input>,
}

/// Why a story was not made.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The rules contradict each other.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The folder has something in it, which would mix with the story.
    #[error("{0} is not empty; choose a new folder")]
    NotEmpty(String),
    /// The operating system refused.
    #[error("{path}: {source}; choose a folder that can be written")]
    Io {
        /// What was being written.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
}

#[derive(Clone, Debug)]
struct SharedFile {
    name: String,
    hashes: PieceHashes,
}

impl Story {
    /// Makes the story that follows these rules.
    ///
    /// # Errors
    /// Where no story can follow them.
    pub fn make(rules: StoryRules) -> Result<Self, RulesError> {
        rules.check()?;
        let mut random = Pcg64::seed_from_u64(rules.seed);
        let files: Vec<_> = (0..rules.files).map(|index| SharedFile::make(&rules, index, &mut random)).collect();
        let mut inputs = vec![Input::default(); rules.clients as usize];
        for (index, file) in files.iter().enumerate() {
            let order = shuffled(rules.active(), &mut random);
            let (owners, others) = order.split_at(rules.owners as usize);
            for &owner in owners {
                inputs[owner].owned.push(OwnedFile { name: file.name.clone(), hashes: file.hashes.clone() });
            }
            for &wanter in &others[..rules.wanters.map_or(others.len(), |wanters| wanters as usize)] {
                inputs[wanter].wanted.push(file.name.clone());
            }
            if rules.has(Twist::Conflict) && index + 1 == files.len() {
                let differing = inputs[owners[1]].owned.last_mut().expect("an owner owns");
                differing.hashes = with_another_hash_in_the_middle(&file.hashes);
            }
            if rules.has(Twist::Repeated) && index == 0 && !owners.is_empty() {
                inputs[owners[0]].wanted.push(file.name.clone());
            }
        }
        for input in inputs.iter_mut().filter(|_| rules.has(Twist::Repeated)) {
            input.wanted.extend_from_within(..);
        }
        let (second, last) = (1, inputs.len() - 1);
        if rules.has(Twist::Unowned) {
            inputs[last].wanted.push("owned-by-nobody".to_owned());
        }
        if rules.has(Twist::PathName) {
            inputs[second].wanted.push("../escape".to_owned());
        }
        Ok(Self { rules, files, inputs })
    }

    /// What each client brings and wants, from client 1 on; where a twist spoils an input, as it was before.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// How to run the story, and how the run ends.
    #[must_use]
    pub fn card(&self) -> StoryCard {
        let ends_with = |code: &u8| self.rules.twists.iter().any(|twist| twist.exit() == *code);
        let exit = [3, 7, 4].into_iter().find(ends_with).unwrap_or(0);
        StoryCard { ranks: self.rules.clients + 1, exit, rules: self.rules.clone() }
    }

    /// The outputs, by name.
    #[must_use]
    pub fn expected(&self) -> Vec<(String, Vec<u8>)> {
        let mut outputs = Vec::new();
        if self.card().exit == 3 {
            return outputs;
        }
        for (client, input) in (1..).zip(&self.inputs) {
            let mut seen = HashSet::new();
            for name in input.wanted.iter().filter(|name| seen.insert(*name)) {
                if let Some(file) = self.files.iter().find(|file| file.name == **name && self.can_be_had(file)) {
                    outputs.push((output_name(client, name), file.as_output()));
                }
            }
        }
        outputs
    }

    /// Writes `in<R>.txt` for each client, the outputs into `expected/`, and `story.json`.
    ///
    /// # Errors
    /// Where the folder is not empty, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), StoryError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| StoryError::Io { path, source }
        };
        let expected = folder.join("expected");
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        if std::fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
            return Err(StoryError::NotEmpty(folder.display().to_string()));
        }
        std::fs::create_dir(&expected).map_err(failed(&expected))?;
        let save = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).map_err(failed(path));
        for client in 1..=self.rules.clients {
            save(&folder.join(Input::file_name(client)), &self.input_bytes(client))?;
        }
        for (name, bytes) in self.expected() {
            save(&expected.join(name), &bytes)?;
        }
        let card = serde_json::to_string_pretty(&self.card()).expect("a card has only plain values");
        save(&folder.join(StoryCard::FILE), (card + "\n").as_bytes())
    }

    /// The bytes of a client's input, spoilt as the twists will have it.
    #[must_use]
    pub fn input_bytes(&self, client: u32) -> Vec<u8> {
        let mut bytes = self.inputs[client as usize - 1].to_bytes();
        let text = || String::from_utf8(bytes.clone()).expect("generated names and hashes are text");
        if self.rules.has(Twist::Crlf) {
            bytes = (text().replace('\n', " \t\r\n") + " \r\n\t\r\n\r\n").into_bytes();
        }
        if client == 2 && self.rules.has(Twist::Cut) {
            bytes.truncate(bytes.len() / 2);
        }
        if client == 2 && self.rules.has(Twist::BadCount) {
            let rest = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
            bytes.splice(..rest, *b"999999999999");
        }
        bytes
    }

    fn can_be_had(&self, file: &SharedFile) -> bool {
        let mut owners = self.inputs.iter().flat_map(|input| &input.owned).filter(|owned| owned.name == file.name);
        let first = owners.next();
        first.is_some_and(|first| owners.all(|other| other.hashes == first.hashes))
    }
}

impl SharedFile {
    fn make(rules: &StoryRules, index: u32, random: &mut Pcg64) -> Self {
        let range = u64::from(rules.most_segments - rules.fewest_segments) + 1;
        let mut segments = rules.fewest_segments + below(range, random) as u32;
        let mut name = format!("file{}", index + 1);
        if index == 0 && rules.has(Twist::LongName) {
            name = format!("{name}, a name with blanks, and long: ");
            name.extend((name.len()..200).map(|at| if at % 8 == 0 { ' ' } else { 'x' }));
        }
        if index == 0 && rules.has(Twist::EmptyFile) {
            segments = 0;
        }
        let mut hashes = PieceHashes::new();
        for segment in 0..segments {
            let repeats = rules.has(Twist::SameHash) && (segment < 2 || segment + 1 == segments);
            let hash = match repeats {
                true => "5a".repeat(16),
                false => hash(rules.has(Twist::OddHashes), random),
            };
            hashes.push(hash.as_bytes()).expect("a generated hash has 1 to 255 bytes");
        }
        Self { name, hashes }
    }

    fn as_output(&self) -> Vec<u8> {
        self.hashes.iter().collect::<Vec<_>>().join(&b'\n')
    }
}

/// A hash as the course has them, or an odd one: a word of 1 to 255 bytes.
fn hash(is_odd: bool, random: &mut Pcg64) -> String {
    let long = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
    match is_odd {
        true => long.repeat(8)[..1 + below(255, random) as usize].to_owned(),
        false => long,
    }
}

fn with_another_hash_in_the_middle(hashes: &PieceHashes) -> PieceHashes {
    let middle = PieceIndex(hashes.len() as u32 / 2);
    let mut others = PieceHashes::new();
    for (piece, hash) in (0..).map(PieceIndex).zip(hashes.iter()) {
        let other: Vec<u8> = hash.iter().map(|byte| if *byte == b'0' { b'1' } else { b'0' }).collect();
        others.push(if piece == middle { &other } else { hash }).expect("the length is the same");
    }
    others
}

/// The numbers below `count`, in an order that the seed decides.
fn shuffled(count: u32, random: &mut Pcg64) -> Vec<usize> {
    let mut order: Vec<_> = (0..count as usize).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, below(last as u64 + 1, random) as usize);
    }
    order
}

/// A number below `bound`. Taken from the generator itself, so that no other release of a library draws another story.
fn below(bound: u64, random: &mut Pcg64) -> u64 {
    random.next_u64() % bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(twists: &[Twist]) -> StoryRules {
        let (fewest_segments, most_segments, twists) = (3, 9, twists.to_vec());
        StoryRules { seed: 7, clients: 5, files: 3, fewest_segments, most_segments, owners: 2, wanters: None, twists }
    }

    fn story(twists: &[Twist]) -> Story {
        Story::make(rules(twists)).unwrap()
    }

    /// What the parser makes of every client's file.
    fn parsed(story: &Story) -> Vec<Result<Input, u64>> {
        let parse = |client| Input::parse(client, &story.input_bytes(client)).map(|(input, _)| input);
        (1..=story.rules.clients).map(|client| parse(client).map_err(|(line, _)| line)).collect()
    }

    #[test]
    fn every_file_has_its_owners_and_all_others_want_it() {
        let story = story(&[]);
        for file in &story.files {
            let owns = |input: &&Input| input.owned.iter().any(|owned| owned.name == file.name);
            assert_eq!(story.inputs.iter().filter(owns).count(), 2);
            assert_eq!(story.inputs.iter().filter(|input| input.wanted.contains(&file.name)).count(), 3);
            assert!((3..=9).contains(&file.hashes.len()));
        }
        assert_eq!(story.expected().len(), 9);
    }

    #[test]
    fn the_same_rules_make_the_same_story_and_another_seed_another() {
        let bytes = |rules: StoryRules| {
            let story = Story::make(rules).unwrap();
            (1..=5).map(|client| story.input_bytes(client)).collect::<Vec<_>>()
        };
        assert_eq!(bytes(rules(&[])), bytes(rules(&[])));
        assert_ne!(bytes(rules(&[])), bytes(StoryRules { seed: 8, ..rules(&[]) }));
    }

    #[test]
    fn generated_inputs_are_read_as_they_were_meant() {
        let usable = [Twist::Crlf, Twist::LongName, Twist::SameHash, Twist::OddHashes, Twist::EmptyFile, Twist::Idle];
        for twists in [&[], &usable[..], &[Twist::Unowned], &[Twist::Conflict]] {
            let story = story(twists);
            let meant: Vec<_> = story.inputs.iter().cloned().map(Ok).collect();
            assert_eq!(parsed(&story), meant, "{twists:?}");
        }
        assert!(story(&usable).files[0].name.len() == 200);
    }

    #[test]
    fn what_is_repeated_is_expected_once() {
        let story = story(&[Twist::Repeated]);
        let names: Vec<_> = story.expected().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 10);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 10);
    }

    #[test]
    fn spoilt_inputs_are_refused_and_expect_nothing() {
        for twist in [Twist::BadCount, Twist::Cut, Twist::PathName] {
            let story = story(&[twist]);
            assert_eq!(story.card().exit, 3);
            assert!(story.expected().is_empty());
            let refused = |input: &Result<Input, u64>| input.is_err();
            assert_eq!(parsed(&story).iter().map(refused).collect::<Vec<_>>(), [false, true, false, false, false]);
        }
    }

    #[test]
    fn a_conflict_takes_one_file_away() {
        assert_eq!(story(&[Twist::Conflict]).expected().len(), 6);
        assert_eq!(story(&[Twist::Conflict]).card().exit, 7);
        assert_eq!(story(&[Twist::Unowned]).card().exit, 4);
    }

    #[test]
    fn an_idle_client_takes_part_without_anything() {
        assert_eq!(story(&[Twist::Idle]).inputs[4], Input::default());
    }

    #[test]
    fn rules_that_contradict_each_other_are_refused() {
        let refused = |rules: StoryRules| Story::make(rules).unwrap_err();
        assert_eq!(refused(StoryRules { clients: 1, ..rules(&[]) }), RulesError::TooFewClients);
        assert!(matches!(refused(StoryRules { owners: 6, ..rules(&[]) }), RulesError::TooFewForAll { .. }));
        assert!(matches!(refused(StoryRules { wanters: Some(4), ..rules(&[]) }), RulesError::TooFewForAll { .. }));
        assert!(matches!(refused(StoryRules { fewest_segments: 10, ..rules(&[]) }), RulesError::NoSegments { .. }));
        let alone = StoryRules { owners: 1, ..rules(&[Twist::Conflict]) };
        assert_eq!(refused(alone), RulesError::NothingToConflictIn);
        assert_eq!(refused(StoryRules { files: 0, ..rules(&[Twist::LongName]) }), RulesError::NoFile);
    }

    #[test]
    fn a_story_is_written_into_an_empty_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let story = story(&[]);
        story.write(&folder.path().join("new")).unwrap();
        let card = std::fs::read(folder.path().join("new/story.json")).unwrap();
        assert_eq!(serde_json::from_slice::<StoryCard>(&card).unwrap(), story.card());
        assert!(matches!(story.write(folder.path()), Err(StoryError::NotEmpty(_))));
    }
}

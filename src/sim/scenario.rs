//! What is simulated: who brings and wants what, on which hardware, and what goes wrong.

use crate::fault::{Faults, Mishap, mix};
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex};
use crate::protocol::{Catalog, Config, Incarnation, Owned, Patience, Policy, Prospects, Rank, Time};
use crate::storage::Model;

use super::Hardware;

/// A swarm to be simulated. Everything that happens in it follows from this value.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Breaks all ties: the nodes', and the links' differences.
    pub seed: u64,
    /// How the swarm behaves.
    pub policy: Policy,
    /// How long nodes wait.
    pub patience: Patience,
    /// All files that anybody brings.
    pub files: Vec<Published>,
    /// What each rank brings and wants; the tracker's, the first, is empty.
    pub catalogs: Vec<Catalog>,
    /// What it runs on.
    pub hardware: Hardware,
    /// What the links do to messages.
    pub faults: Faults,
    /// What happens to nodes.
    pub mishaps: Vec<Mishap>,
    /// What clients come to own while the swarm runs.
    pub offers: Vec<Offer>,
}

/// A client comes to own a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which client.
    pub rank: Rank,
    /// When.
    pub on: Occasion,
    /// Which of the scenario's files, whole.
    pub file: usize,
    /// Who is going to download it, where the client knows.
    pub takers: Option<Vec<Rank>>,
}

/// When a client comes to own a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// At this time.
    At(Time),
    /// When it hears that this rank is gone, whatever that one has offered by then.
    LossOf(Rank),
}

/// A file as its owners publish it: its hashes, and the content that they stand for.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// How it is cut.
    pub layout: Layout,
    /// The hashes of its pieces.
    pub hashes: PieceHashes,
    content: Vec<u8>,
    /// Where each piece ends in `content`.
    ends: Vec<usize>,
}

impl Published {
    /// The length of a model's piece.
    const MODEL_PIECE: u32 = 16;

    /// A file of model content, which is unlike that of any other name or seed.
    #[must_use]
    pub fn model(name: &str, pieces: u32, seed: u64) -> Self {
        let own = name.bytes().fold(seed, |state, byte| mix(state, u64::from(byte)));
        Self::of_contents(name, (0..pieces).map(|piece| (own, u64::from(piece))))
    }

    /// A file of model content of which many pieces, in files of the same seed too, have the same content.
    #[must_use]
    pub fn repetitive(name: &str, pieces: u32, seed: u64) -> Self {
        /// So many different pieces are there in all such files.
        const DIFFERENT: u64 = 20;
        let own = name.bytes().fold(seed, |state, byte| mix(state, u64::from(byte)));
        Self::of_contents(name, (0..pieces).map(|piece| (seed, mix(own, u64::from(piece)) % DIFFERENT)))
    }

    /// Two numbers make the content of a piece.
    fn of_contents(name: &str, numbers: impl ExactSizeIterator<Item = (u64, u64)>) -> Self {
        let pieces = numbers.len() as u32;
        let layout = Layout { pieces, piece_length: Self::MODEL_PIECE };
        let mut hashes = PieceHashes::new();
        let mut content = Vec::with_capacity(pieces as usize * Self::MODEL_PIECE as usize);
        for (own, piece) in numbers {
            let start = content.len();
            content.extend_from_slice(&mix(own, 2 * piece).to_le_bytes());
            content.extend_from_slice(&mix(own, 2 * piece + 1).to_le_bytes());
            hashes.push(&Model::hash(&content[start..])).expect("a SHA-1 is a legal hash");
        }
        let ends = (1..=pieces as usize).map(|pieces| pieces * Self::MODEL_PIECE as usize).collect();
        Self { name: name.to_owned(), layout, hashes, content, ends }
    }

    /// A file whose pieces' content is their hash line, as in the assignment.
    #[must_use]
    pub fn of_lines(name: &str, hashes: PieceHashes) -> Self {
        let longest = hashes.iter().map(<[u8]>::len).max().unwrap_or(0);
        let layout = Layout { pieces: hashes.len() as u32, piece_length: longest as u32 };
        let content = hashes.iter().flatten().copied().collect();
        let ends = hashes
            .iter()
            .scan(0, |end, hash| {
                *end += hash.len();
                Some(*end)
            })
            .collect();
        Self { name: name.to_owned(), layout, hashes, content, ends }
    }

    /// What a piece contains.
    #[must_use]
    pub fn piece(&self, piece: PieceIndex) -> Option<&[u8]> {
        let end = *self.ends.get(piece.as_usize())?;
        let start = if piece.0 == 0 { 0 } else { self.ends[piece.as_usize() - 1] };
        Some(&self.content[start..end])
    }

    /// The pieces one after the other.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The whole file, as a client's catalog lists it.
    #[must_use]
    pub fn owned(&self) -> Owned {
        self.held(Bitfield::all(self.layout.pieces))
    }

    /// The file with some of its pieces, as a client's catalog lists it.
    #[must_use]
    pub fn held(&self, held: Bitfield) -> Owned {
        Owned { name: self.name.clone(), layout: self.layout, hashes: self.hashes.clone(), held, takers: None }
    }
}

impl Scenario {
    /// A faultless swarm of so many clients that as yet bring and want nothing, under the assignment's rules.
    #[must_use]
    pub fn new(seed: u64, clients: u32, files: Vec<Published>) -> Self {
        Self {
            seed,
            policy: Policy::assignment(),
            patience: Patience::job(),
            files,
            catalogs: vec![Catalog::default(); clients as usize + 1],
            hardware: Hardware::default(),
            faults: Faults { seed, ..Faults::default() },
            mishaps: Vec::new(),
            offers: Vec::new(),
        }
    }

    /// Some owners of one file that all other clients want: the usual swarm.
    #[must_use]
    pub fn one_file(seed: u64, seeds: u32, leechers: u32, pieces: u32) -> Self {
        let mut scenario = Self::new(seed, seeds + leechers, vec![Published::model("file", pieces, seed)]);
        (1..=seeds).for_each(|rank| scenario.owns(rank, 0));
        (seeds + 1..=seeds + leechers).for_each(|rank| scenario.wants(rank, 0));
        scenario
    }

    /// Gives the client the whole file.
    pub fn owns(&mut self, client: u32, file: usize) {
        let owned = self.files[file].owned();
        self.catalogs[client as usize].owned.push(owned);
    }

    /// Gives the client the whole file while the swarm runs.
    pub fn comes_to_own(&mut self, client: u32, file: usize, at: Time) {
        self.comes_to_own_on(client, file, Occasion::At(at));
    }

    /// Gives the client, when it hears that the other one is gone, each file that this one comes to own, as far as that
    /// was said before.
    pub fn succeeds(&mut self, client: u32, other: u32) {
        let others = self.offers.iter().filter(|offer| offer.rank == Rank(other));
        let files: Vec<usize> = others.map(|offer| offer.file).collect();
        files.into_iter().for_each(|file| self.comes_to_own_on(client, file, Occasion::LossOf(Rank(other))));
    }

    fn comes_to_own_on(&mut self, client: u32, file: usize, on: Occasion) {
        self.offers.push(Offer { rank: Rank(client), on, file, takers: None });
        self.catalogs[client as usize].prospects = Prospects::Open;
    }

    /// Has all who offer a file say who wants it.
    pub fn names_takers(&mut self, file: usize) {
        let wants = |catalog: &Catalog| catalog.wanted.contains(&self.files[file].name);
        let takers: Vec<Rank> =
            (0..).zip(&self.catalogs).filter(|(_, catalog)| wants(catalog)).map(|(rank, _)| Rank(rank)).collect();
        let offers = self.offers.iter_mut().filter(|offer| offer.file == file);
        offers.for_each(|offer| offer.takers = Some(takers.clone()));
    }

    /// An offered file, as its client's catalog lists it.
    pub(super) fn offered(&self, offer: &Offer) -> Owned {
        Owned { takers: offer.takers.clone(), ..self.files[offer.file].owned() }
    }

    /// Has the client want the file.
    pub fn wants(&mut self, client: u32, file: usize) {
        let name = self.files[file].name.clone();
        self.catalogs[client as usize].wanted.push(name);
    }

    /// The number of ranks, the tracker's included.
    #[must_use]
    pub fn world(&self) -> u32 {
        self.catalogs.len() as u32
    }

    /// The same swarm on the same hardware with nothing going wrong. Slow hosts stay slow: what takes them a minute
    /// when all goes well takes no program less.
    #[must_use]
    pub fn faultless(&self) -> Self {
        let faults = Faults { seed: self.faults.seed, ..Faults::default() };
        Self { faults, mishaps: Vec::new(), ..self.clone() }
    }

    /// Whether nothing is to go wrong; slow hardware is not wrong.
    #[must_use]
    pub fn is_faultless(&self) -> bool {
        self.faults.are_none() && self.mishaps.is_empty()
    }

    /// What the storage of a client that brings these files holds.
    #[must_use]
    pub fn model_storage(&self, brought: &[Owned]) -> Model {
        let mut model = Model::default();
        for owned in brought {
            if let Some(file) = self.files.iter().find(|file| file.name == owned.name) {
                model.place(&owned.name, owned.layout, &owned.held, file.content());
            }
        }
        model
    }

    pub(super) fn config(&self, rank: Rank, incarnation: Incarnation) -> Config {
        let (policy, patience) = (self.policy, self.patience);
        Config { rank, world: self.world(), incarnation, seed: self.seed, policy, patience }
    }
}

//! How ranks learn what each view can read, and what else they have to tell each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::folio::Folio;
use super::plan::{Listing, Plan};
use super::task::Done;
use super::{Purpose, Staging, Urgency, unread};
use crate::metainfo::{Layout, PieceHashes, PieceIndex, counted};
use crate::storage::depot::{Failure, FailureKind, Offer, OwnWord};
use crate::storage::{Block, StorageError, Word, Written};

/// What ranks tell each other, and what of it is read.
#[derive(Debug, Default)]
pub(super) struct Listings {
    folios: BTreeMap<Sheet, Folio>,
    read: BTreeMap<u32, Listing>,
    /// Whether the plan is being made of them, or has been.
    are_planned: bool,
}

/// A few bytes that a rank makes for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sheet {
    /// What a view can read, by its first rank.
    Listing(u32),
    /// What a rank expects of its place.
    Forecast(u32),
}

impl Sheet {
    const LISTING: &str = "listing/";
    const FORECAST: &str = "forecast/";

    /// The name that it has in the swarm.
    pub(super) fn name(self) -> String {
        match self {
            Self::Listing(view) => format!("{}{view:08}", Self::LISTING),
            Self::Forecast(rank) => format!("{}{rank:08}", Self::FORECAST),
        }
    }

    /// The one that has this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let of = |prefix| name.strip_prefix(prefix)?.parse().ok();
        of(Self::LISTING).map(Self::Listing).or_else(|| of(Self::FORECAST).map(Self::Forecast))
    }
}

impl Listings {
    /// One is going to come, or is this rank's own.
    pub(super) fn open(&mut self, sheet: Sheet, layout: &Layout) {
        self.folios.entry(sheet).or_insert_with(|| Folio::coming(layout));
    }

    pub(super) fn learn(&mut self, sheet: Sheet, first: PieceIndex, hashes: &PieceHashes) {
        if let Some(folio) = self.folios.get_mut(&sheet) {
            folio.learn(first, hashes);
        }
    }

    pub(super) fn read(&self, sheet: Sheet, block: Block, mut buffer: Vec<u8>) -> Word {
        let Block { torrent, piece, .. } = block;
        match self.folios.get(&sheet).and_then(|folio| folio.piece(piece)) {
            Some(content) => {
                buffer.clear();
                buffer.extend_from_slice(content);
                Word::Read { block: Block { length: content.len() as u32, ..block }, buffer, result: Ok(()) }
            }
            None => Word::Read { block, buffer, result: Err(StorageError::NotHeld { torrent, piece }) },
        }
    }

    /// One that is here as a whole.
    pub(super) fn whole(&self, sheet: Sheet) -> Option<&[u8]> {
        self.folios.get(&sheet)?.whole()
    }

    pub(super) fn write(&mut self, sheet: Sheet, piece: PieceIndex, content: &[u8]) -> Written {
        self.folios.get_mut(&sheet).map_or(Written::Corrupt, |folio| folio.put(piece, content))
    }
}

impl Staging {
    /// All ranks have come: lists what is this rank's to list, and asks for the rest.
    pub(super) fn begin(&mut self) {
        let me = self.order.rank;
        if self.assembly.views.is_empty() {
            // One says it for all.
            if self.assembly.ranks().next() == Some(me) {
                let reason = unread::nothing_is_read(self.assembly.cards());
                self.give_up(Failure { kind: FailureKind::Input, reason });
            }
            return;
        }
        // Whoever neither reads nor writes has to know the tree as well: it may be the one that tells how the run ends.
        let others = self.assembly.views.keys().filter(|&&view| view != me);
        let names: Vec<String> = others.map(|&view| Sheet::Listing(view).name()).collect();
        self.say(OwnWord::Want(names));
        if self.assembly.views.contains_key(&me) {
            self.list();
        }
    }

    /// Lists what this rank's view can read.
    pub(super) fn list(&mut self) {
        let order = Arc::clone(&self.order);
        self.workers.submit(Urgency::Now, move || {
            Done::Listed(Listing::make(&order).map(|listing| {
                let bytes = listing.encode();
                (listing, bytes)
            }))
        });
    }

    /// The rank that was to list what this view can read is gone, before it was known.
    pub(super) fn list_instead_of(&mut self, lost: u32) {
        let me = self.order.rank;
        let mut views = self.assembly.views.iter();
        let Some((&view, ranks)) = views.find(|(_, ranks)| ranks.contains(&me)) else { return };
        let lists = ranks.iter().find(|rank| !self.gone.contains(rank)) == Some(&me);
        if lists && lost < me && !self.listings.are_planned && !self.listings.read.contains_key(&view) {
            self.list();
        }
    }

    pub(super) fn listed(&mut self, listed: Result<(Listing, Vec<u8>), Failure>) {
        let (listing, bytes) = match listed {
            Ok(listed) => listed,
            Err(failure) => return self.give_up(failure),
        };
        let me = self.order.rank;
        let Some((&view, _)) = self.assembly.views.iter().find(|(_, ranks)| ranks.contains(&me)) else { return };
        let takers = self.assembly.ranks().filter(|&rank| rank != me).collect();
        self.offer_sheet(Sheet::Listing(view), bytes, takers);
        self.listings.read.insert(view, listing);
        self.plan_if_all_came();
    }

    pub(super) fn offer_sheet(&mut self, sheet: Sheet, bytes: Vec<u8>, takers: Vec<u32>) {
        let folio = Folio::of(bytes);
        let (layout, hashes) = (folio.layout(), folio.hashes().clone());
        self.say(OwnWord::Offer(Offer { name: sheet.name(), layout, hashes, takers }));
        self.listings.folios.insert(sheet, folio);
    }

    /// One is here as a whole.
    pub(super) fn sheet_came(&mut self, sheet: Sheet) {
        match sheet {
            Sheet::Listing(view) => self.listing_came(view),
            Sheet::Forecast(rank) => self.forecast_came(rank),
        }
    }

    fn listing_came(&mut self, view: u32) {
        match self.listings.whole(Sheet::Listing(view)).and_then(Listing::decode) {
            Some(listing) => {
                self.listings.read.insert(view, listing);
                self.plan_if_all_came();
            }
            None => {
                let reason = format!("the listing of rank {view} cannot be read: do all ranks run the same tema3?");
                self.give_up(Failure { kind: FailureKind::Input, reason });
            }
        }
    }

    fn plan_if_all_came(&mut self) {
        let all_came = self.assembly.views.keys().all(|view| self.listings.read.contains_key(view));
        if !all_came || std::mem::replace(&mut self.listings.are_planned, true) {
            return;
        }
        let (listings, assembly) = (std::mem::take(&mut self.listings.read), self.assembly.clone());
        let order = Arc::clone(&self.order);
        self.workers
            .submit(Urgency::Now, move || Done::Planned(Plan::make(&listings, &assembly, &order).map(Arc::new)));
    }

    /// It is known what all are to do: says what this rank wants, and begins with what it can offer.
    pub(super) fn planned(&mut self, planned: Result<Arc<Plan>, Failure>) {
        let plan = match planned {
            Ok(plan) => plan,
            Err(failure) => return self.give_up(failure),
        };
        // One says it for all.
        if let ([first, more @ ..], true) =
            (&plan.unreadable[..], self.assembly.ranks().next() == Some(self.order.rank))
        {
            let more =
                if more.is_empty() { String::new() } else { format!(" and {}", counted(more.len(), "more file")) };
            log::warn!("no rank can read {first}{more}; only who has it in the target already will have it");
        }
        self.legend.learn_plan(&plan);
        self.plan = Some(plan);
        if self.order.purpose == Purpose::Forecast {
            return self.forecast();
        }
        self.want_portions();
        self.become_origin();
        self.take_over_shares();
        self.offer_no_more_if_done();
    }
}

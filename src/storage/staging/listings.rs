//! How ranks learn what each view can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::folio::Folio;
use super::plan::{Listing, Plan};
use super::task::Done;
use super::{Staging, Urgency};
use crate::metainfo::{Layout, PieceHashes, PieceIndex};
use crate::storage::depot::{Failure, FailureKind, Offer, OwnWord};
use crate::storage::{Block, StorageError, Word, Written};

/// The listings that are here or on their way, by the first rank of the view.
#[derive(Debug, Default)]
pub(super) struct Listings {
    folios: BTreeMap<u32, Folio>,
    read: BTreeMap<u32, Listing>,
}

/// The name that a view's listing has in the swarm.
fn name_of(view: u32) -> String {
    format!("listing/{view:08}")
}

/// The view whose listing has this name.
pub(super) fn view_of(name: &str) -> Option<u32> {
    name.strip_prefix("listing/")?.parse().ok()
}

impl Listings {
    /// One is going to come, or is this rank's own.
    pub(super) fn open(&mut self, view: u32, layout: &Layout) {
        self.folios.entry(view).or_insert_with(|| Folio::coming(layout));
    }

    pub(super) fn learn(&mut self, view: u32, first: PieceIndex, hashes: &PieceHashes) {
        if let Some(folio) = self.folios.get_mut(&view) {
            folio.learn(first, hashes);
        }
    }

    pub(super) fn read(&self, view: u32, block: Block, mut buffer: Vec<u8>) -> Word {
        let Block { torrent, piece, .. } = block;
        match self.folios.get(&view).and_then(|folio| folio.piece(piece)) {
            Some(content) => {
                buffer.clear();
                buffer.extend_from_slice(content);
                Word::Read { block: Block { length: content.len() as u32, ..block }, buffer, result: Ok(()) }
            }
            None => Word::Read { block, buffer, result: Err(StorageError::NotHeld { torrent, piece }) },
        }
    }

    pub(super) fn write(&mut self, view: u32, piece: PieceIndex, content: &[u8]) -> Written {
        self.folios.get_mut(&view).map_or(Written::Corrupt, |folio| folio.put(piece, content))
    }
}

impl Staging {
    /// All ranks have come: lists what is this rank's to list, and asks for the rest.
    pub(super) fn begin(&mut self) {
        let me = self.order.rank;
        if self.assembly.views.is_empty() {
            // One says it for all.
            if self.assembly.ranks().next() == Some(me) {
                let reason = "no rank can read what is to be staged; see the lines above".to_owned();
                self.give_up(Failure { kind: FailureKind::Input, reason });
            }
            return;
        }
        // Whoever neither reads nor writes has to know the tree as well: it may be the one that tells how the run ends.
        let others = self.assembly.views.keys().filter(|&&view| view != me);
        let names: Vec<String> = others.map(|&view| name_of(view)).collect();
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
        if lists && lost < me && !self.listings.read.contains_key(&view) {
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
        let folio = Folio::of(bytes);
        let (layout, hashes) = (folio.layout(), folio.hashes().clone());
        let takers = self.assembly.ranks().filter(|&rank| rank != me).collect();
        self.say(OwnWord::Offer(Offer { name: name_of(view), layout, hashes, takers }));
        self.listings.folios.insert(view, folio);
        self.listings.read.insert(view, listing);
        self.plan_if_all_came();
    }

    /// A listing is here as a whole.
    pub(super) fn listing_came(&mut self, view: u32) {
        let whole = self.listings.folios.get(&view).and_then(Folio::whole);
        match whole.and_then(Listing::decode) {
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
        if self.plan.is_some() || !self.assembly.views.keys().all(|view| self.listings.read.contains_key(view)) {
            return;
        }
        let (listings, assembly) = (std::mem::take(&mut self.listings.read), self.assembly.clone());
        let (gone, order) = (self.gone.clone(), Arc::clone(&self.order));
        self.workers
            .submit(Urgency::Now, move || Done::Planned(Plan::make(&listings, &assembly, &gone, &order).map(Arc::new)));
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
            let more = if more.is_empty() { String::new() } else { format!(" and {} files more", more.len()) };
            log::warn!("no rank can read {first}{more}; only who has it in the target already will have it");
        }
        self.legend.learn_plan(&plan);
        self.plan = Some(plan);
        self.want_portions();
        self.become_origin();
        self.offer_no_more_if_done();
    }
}

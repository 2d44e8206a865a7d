//! What a staging would come to: each rank looks at its place, changes nothing, and tells the one that tells it to people.

use std::sync::Arc;

use super::listings::Sheet;
use super::place::wanted_by;
use super::task::Done;
use super::{Staging, Urgency};
use crate::storage::depot::OwnWord;
use crate::storage::target::{Prospect, TargetError};

impl Staging {
    /// The tree is known: looks at this rank's place; the lowest rank asks all others for what they saw.
    pub(super) fn forecast(&mut self) {
        let me = self.order.rank;
        let writes = self.assembly.writes(me, &self.gone);
        if self.teller() == Some(me) {
            let others = self.assembly.ranks().filter(|&rank| rank != me && self.assembly.writes(rank, &self.gone));
            let names: Vec<String> = others.map(|rank| Sheet::Forecast(rank).name()).collect();
            self.say(OwnWord::Want(names));
        }
        let (Some(plan), order) = (self.plan.clone(), Arc::clone(&self.order)) else { return };
        let (true, Some(folder)) = (writes, order.target.clone()) else { return self.offer_no_more() };
        let wanted = wanted_by(&plan, &order, &self.assembly.sharers(me));
        self.workers.submit(Urgency::Now, move || {
            Done::Foreseen(Prospect::of(&folder, Arc::clone(&plan.manifest), &wanted, order.existing))
        });
    }

    pub(super) fn foreseen(&mut self, prospect: Result<Prospect, TargetError>) {
        let prospect = match prospect {
            Ok(prospect) => prospect,
            Err(error) => return self.target_failed(&error),
        };
        let me = self.order.rank;
        match self.teller() {
            Some(teller) if teller != me => {
                let bytes = serde_json::to_vec(&prospect).expect("a prospect has only string keys");
                self.offer_sheet(Sheet::Forecast(me), bytes, vec![teller]);
            }
            _ => self.legend.learn_prospect(me, prospect),
        }
        self.offer_no_more();
    }

    pub(super) fn forecast_came(&mut self, rank: u32) {
        let bytes = self.listings.whole(Sheet::Forecast(rank));
        // What cannot be read is missing in what is told, and that is seen there.
        if let Some(prospect) = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()) {
            self.legend.learn_prospect(rank, prospect);
        }
    }

    /// The rank that tells people.
    fn teller(&self) -> Option<u32> {
        self.assembly.ranks().next()
    }
}

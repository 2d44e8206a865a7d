//! What happens to whole hosts: they crash and come back, stall, and fall silent.

use crate::fault::{Calamity, Return};
use crate::protocol::{Catalog, Event, Node, Owned, Rank, TRACKER};
use crate::storage::Storage;

use super::fired::Kind;
use super::host::Task;
use super::simulation::{Alive, Item, Simulation};

impl<N: Node, S: Storage> Simulation<'_, N, S> {
    /// Counts a message that is about to leave, and lets happen what is to happen at it.
    pub(super) fn meets_doom(&mut self, rank: Rank) -> Alive {
        let host = &self.hosts[rank.0 as usize];
        let count = host.traffic.messages;
        let Some(&(_, index)) = host.doom.iter().find(|&&(at, _)| at == count && host.incarnation.0 == 0) else {
            return Alive::Yes;
        };
        self.strike(index)
    }

    pub(super) fn strike(&mut self, index: usize) -> Alive {
        let mishap = self.scenario.mishaps[index];
        let rank = mishap.rank;
        let host = &mut self.hosts[rank.0 as usize];
        if !host.is_running() {
            return Alive::No;
        }
        match mishap.what {
            Calamity::Crash(with) => {
                self.crash(rank, with);
                return Alive::No;
            }
            Calamity::Stall(time) => {
                host.stalled_until = host.stalled_until.max(self.now + time);
                host.busy_until = host.busy_until.max(host.stalled_until);
                self.fired.count(Kind::Stall);
                self.queue.push(host.stalled_until, Item::Up(rank));
            }
            Calamity::Silence(time) => {
                host.silent_until = host.silent_until.max(self.now + time);
                self.fired.count(Kind::Silence);
                self.queue.push(host.silent_until, Item::Up(rank));
            }
        }
        self.judge.truth.of_mut(rank).up_since = None;
        Alive::Yes
    }

    fn crash(&mut self, rank: Rank, with: Return) {
        self.hosts[rank.0 as usize].crash();
        self.judge.truth.of_mut(rank).up_since = None;
        self.running -= 1;
        self.judge.ask(self.now, rank, |checker, moment| {
            checker.crashed(moment);
            Ok(())
        });
        let (kind, after) = match with {
            Return::Never => (Kind::Crash, None),
            Return::WithStorage(after) => (Kind::Storage, Some(after)),
            Return::WithAmnesia(after) => (Kind::Amnesia, Some(after)),
        };
        self.fired.count(if rank == TRACKER { Kind::Tracker } else { kind });
        if let Some(after) = after {
            self.returning += 1;
            self.queue.push(self.now + after, Item::Return { rank, with });
        }
    }

    pub(super) fn bring_back(&mut self, rank: Rank, with: Return) {
        self.returning -= 1;
        self.running += 1;
        self.pass_on(rank);
        let known = self.judge.truth.of_mut(rank);
        let owned = match with {
            Return::WithAmnesia(_) => {
                known.forget_all();
                Vec::new()
            }
            Return::WithStorage(_) | Return::Never => known.survivors(self.scenario),
        };
        known.up_since = Some(self.now);
        known.first_life = false;
        let later: Vec<Owned> = self.awaited(rank).map(|(_, offer)| self.scenario.offered(offer)).collect();
        let prospects = self.prospects(rank);
        let host = &mut self.hosts[rank.0 as usize];
        if matches!(with, Return::WithAmnesia(_)) {
            host.storage = (self.storage)(&later);
        }
        host.revive(self.now);
        let catalog = Catalog { owned, prospects, ..self.scenario.catalogs[rank.0 as usize].clone() };
        host.node = Some((self.birth)(self.scenario.config(rank, host.incarnation), catalog));
        self.own(self.now, rank, Task::Hear(Event::Start));
    }
}

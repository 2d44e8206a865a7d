//! A scenario in a few lines for people: who brings and wants what, on which hardware, and what is to go wrong.

use std::fmt;

use super::{Occasion, Offer, Scenario};
use crate::fault::{Calamity, Faults, Mishap, Return, When};
use crate::metainfo::Layout;
use crate::protocol::{Catalog, Rank, Time};

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.world() - 1;
        writeln!(f, "{clients} clients, seed {}, {:?}", self.seed, self.policy)?;
        for file in &self.files {
            let Layout { pieces, .. } = file.layout;
            let owners = self.ranks(|catalog| catalog.owned.iter().any(|owned| owned.name == file.name));
            let wanted = self.ranks(|catalog| catalog.wanted.contains(&file.name));
            writeln!(f, "{}: {pieces} pieces, owned by {owners}, wanted by {wanted}", file.name)?;
        }
        writeln!(f, "{:?}", self.hardware)?;
        self.fmt_faults(f)?;
        self.offers.iter().try_for_each(|offer| writeln!(f, "{}", self.promise(offer)))?;
        self.mishaps.iter().try_for_each(|mishap| writeln!(f, "{}", sentence(mishap)))
    }
}

impl Scenario {
    fn ranks(&self, which: impl Fn(&Catalog) -> bool) -> String {
        let those = (0..).zip(&self.catalogs).filter(|(_, catalog)| which(catalog));
        let names: Vec<String> = those.map(|(rank, _): (u32, _)| rank.to_string()).collect();
        if names.is_empty() { "nobody".into() } else { names.join(" ") }
    }

    fn promise(&self, Offer { rank, on, file, .. }: &Offer) -> String {
        let when = match on {
            Occasion::At(time) => format!("at {:?}", time.since(Time::ZERO)),
            Occasion::LossOf(other) => format!("when {other} is gone"),
        };
        format!("{rank} comes to own {} {when}", self.files[*file].name)
    }

    fn fmt_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults { drop, duplicate, delay, longest_delay, corrupt, poisoners, .. } = &self.faults;
        writeln!(
            f,
            "of 1000 messages {drop} drop, {duplicate} come twice, {delay} late (by up to {longest_delay:?}), {corrupt} corrupt"
        )?;
        let Some((first, rest)) = poisoners.split_first() else { return Ok(()) };
        let name = |rank: &Rank| rank.0.to_string();
        let all = rest.iter().map(name).fold(name(first), |all, next| all + " " + &next);
        writeln!(f, "every piece of these ranks is bad: {all}")
    }
}

fn sentence(mishap: &Mishap) -> String {
    let when = match mishap.when {
        When::Message(number) => format!("before its message {number}"),
        When::At(time) => format!("at {:?}", time.since(Time::ZERO)),
    };
    let what = match mishap.what {
        Calamity::Crash(Return::Never) => "crashes for good".to_owned(),
        Calamity::Crash(Return::WithStorage(after)) => format!("crashes and is back after {after:?} with its storage"),
        Calamity::Crash(Return::WithAmnesia(after)) => format!("crashes and is back after {after:?} with nothing"),
        Calamity::Stall(time) => format!("stalls for {time:?}"),
        Calamity::Silence(time) => format!("is silent for {time:?}"),
    };
    format!("{} {what} {when}", mishap.rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_names_its_files_its_faults_its_offers_and_its_mishaps() {
        let mut scenario = Scenario::one_file(7, 1, 2, 5);
        scenario.faults.drop = 20;
        scenario.faults.poisoners = vec![Rank(1), Rank(3)];
        scenario.comes_to_own(2, 0, Time(3_000_000));
        scenario.succeeds(1, 2);
        scenario.mishaps.push(Mishap { rank: Rank(2), when: When::At(Time(5_000_000)), what: crash() });
        let text = scenario.to_string();
        for line in [
            "file: 5 pieces, owned by 1, wanted by 2 3",
            "of 1000 messages 20 drop, 0 come twice, 0 late (by up to 0ns), 0 corrupt",
            "every piece of these ranks is bad: 1 3",
            "rank 2 comes to own file at 3ms",
            "rank 1 comes to own file when rank 2 is gone",
            "rank 2 crashes for good at 5ms",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }

    fn crash() -> Calamity {
        Calamity::Crash(Return::Never)
    }
}

//! The stories of `inputs/`: each is run, judged, and made again.

use tema3::assignment::{Input, Story, StoryCard, StoryRules, Twist};

use super::program::repeats;
use super::swarm_folder::{Layout, Outputs, Swarm, files, root};

/// A story of `inputs/` and its card.
fn all() -> Vec<(StoryCard, Swarm)> {
    let mut stories = Vec::new();
    for entry in std::fs::read_dir(root().join("inputs")).expect("the folder of stories") {
        let folder = entry.expect("a readable folder").path();
        if !folder.is_dir() {
            continue;
        }
        let mut found = files(&folder);
        let card = found.remove(StoryCard::FILE).unwrap_or_else(|| panic!("no card in {}", folder.display()));
        let card: StoryCard = serde_json::from_slice(&card).expect("a sound card");
        let name = folder.file_name().expect("it was listed").to_string_lossy().into_owned();
        stories.push((card.clone(), swarm(name, &card, &found, files(&folder.join("expected")))));
    }
    assert!(stories.len() >= 8, "only {} stories", stories.len());
    stories
}

fn swarm(name: String, card: &StoryCard, found: &Outputs, expected: Outputs) -> Swarm {
    let inputs = (1..card.ranks).map(|client| (client, found[&Input::file_name(client)].clone())).collect();
    Swarm { name, ranks: card.ranks, inputs, expected, exit: i32::from(card.exit) }
}

/// A story that is made for one test.
pub(crate) fn made(rules: StoryRules) -> Swarm {
    let story = Story::make(rules).expect("sound rules");
    let inputs = (1..story.card().ranks).map(|client| (client, story.input_bytes(client))).collect();
    let expected = story.expected().into_iter().collect();
    Swarm { name: "made".into(), ranks: story.card().ranks, inputs, expected, exit: i32::from(story.card().exit) }
}

/// Three clients, two files, one owner each, with these twists.
pub(crate) fn small(twists: &[Twist]) -> Swarm {
    let (fewest_segments, most_segments, twists) = (20, 40, twists.to_vec());
    let (clients, files, owners, wanters) = (3, 2, 1, None);
    made(StoryRules { seed: 11, clients, files, fewest_segments, most_segments, owners, wanters, twists })
}

#[test]
fn every_story_ends_as_it_says() {
    for (_, swarm) in all() {
        for _ in 0..repeats() {
            swarm.check(Layout::InAndOut);
            swarm.check(Layout::OneEach);
        }
    }
}

#[test]
fn every_story_can_be_made_again() {
    for (card, swarm) in all() {
        let again = made(card.rules.clone());
        assert_eq!((again.ranks, again.exit), (card.ranks, i32::from(card.exit)), "{}", swarm.name);
        assert!(again.inputs == swarm.inputs && again.expected == swarm.expected, "{} differs", swarm.name);
    }
}

#[test]
fn the_ways_to_end_a_line_change_nothing() {
    // RELIABILITY row 2.
    let plain = small(&[]);
    for ends in ["\r\n", " \t\n", "\t\r\n", "\n"] {
        let mut changed = plain.clone();
        changed.name = format!("lines that end with {ends:?}");
        for bytes in changed.inputs.values_mut() {
            let text = String::from_utf8(bytes.clone()).expect("made inputs are text");
            *bytes = (text.replace('\n', ends) + ends).into_bytes();
        }
        changed.check(Layout::InAndOut);
    }
}

#[test]
fn the_smallest_swarm_and_clients_without_wishes_end_well() {
    // RELIABILITY row 2.
    let expected = Outputs::from([("client2_x".into(), b"a\nb".to_vec())]);
    let inputs = [(1, b"1\nx 2\na\nb\n0".to_vec()), (2, b"0\n1\nx".to_vec())].into();
    let smallest = Swarm { name: "smallest".into(), ranks: 3, inputs, expected, exit: 0 };
    smallest.check(Layout::InAndOut);

    let nobody = [(1, b"0\n0".to_vec()), (2, b"0\n0".to_vec())].into();
    Swarm { name: "nobody".into(), inputs: nobody, expected: Outputs::new(), ..smallest }.check(Layout::InAndOut);
}

#[test]
fn a_file_that_nobody_owns_is_named_with_who_wanted_it_and_all_else_is_delivered() {
    // RELIABILITY row 3.
    let run = small(&[Twist::Unowned]).check(Layout::InAndOut);
    let said = run.ended.stdout + &run.ended.stderr;
    let named = said.lines().find(|line| line.contains("owned-by-nobody")).unwrap_or_else(|| panic!("{said}"));
    assert!(named.contains("rank 3"), "{named}");
}

#[test]
fn it_is_named_also_where_no_summary_is_printed() {
    // RELIABILITY row 3.
    let run = small(&[Twist::Unowned]).run(Layout::InAndOut, &["--quiet"]);
    assert_eq!((run.ended.code, run.ended.stdout.as_str()), (4, ""));
    assert!(run.ended.stderr.contains("owned-by-nobody"), "{}", run.ended.stderr);
}

#[test]
fn two_owners_that_differ_are_named_with_the_segment_and_other_files_go_on() {
    // RELIABILITY row 5.
    let rules = StoryRules {
        seed: 5,
        clients: 4,
        files: 2,
        fewest_segments: 11,
        most_segments: 11,
        owners: 2,
        wanters: None,
        twists: vec![Twist::Conflict],
    };
    let swarm = made(rules);
    assert_eq!(swarm.expected.len(), 2, "the other file's wanters get it");
    let run = swarm.check(Layout::InAndOut);
    let said = run.ended.stdout + &run.ended.stderr;
    let named = said.lines().find(|line| line.contains("file2") && line.contains("segment 6"));
    assert!(named.is_some_and(|line| line.contains("ranks")), "{said}");
}

#[test]
fn no_rank_leaves_with_an_error_while_others_still_write() {
    // RELIABILITY row 34: the client that lacks a file has nothing to wait for, while the others' last link is slow.
    let swarm = small(&[Twist::Unowned]);
    let run = swarm.run(Layout::InAndOut, &["--limit-down", "1=4K,2=4K"]);
    assert_eq!(run.ended.code, 4, "{}", run.ended.stderr);
    assert!(run.outputs == swarm.expected, "{:?}", run.outputs.keys());
}

#[test]
fn a_signal_to_the_launcher_ends_the_run_in_good_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let job = small(&[]).start_in(folder.path(), &["--explain", "--limit-up", "4K"]);
    job.hear("I start.", 3);
    job.signal("-USR1");
    let ended = job.end();
    assert!(ended.ended_after_signal(10), "{ended:?}");
    assert_eq!(ended.said("I leave: interrupted."), 4, "{ended:?}");
}

#[test]
fn a_time_limit_ends_the_run_on_all_ranks_and_leaves_no_file_in_part() {
    // RELIABILITY row 33.
    let swarm = small(&[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = ["--output", "out", "--explain", "--limit-up", "1=1K,2=1K,3=4K", "--time-limit", "700ms"];
    let ended = swarm.start_in(folder.path(), &words).end();
    assert_eq!(ended.code, 5, "{ended:?}");
    assert_eq!(ended.said("I leave: time limit reached."), 4, "{ended:?}");
    assert_eq!(ended.stderr.matches("the time limit was reached").count(), 1, "{ended:?}");
    let outputs = files(&folder.path().join("out"));
    assert!(outputs.len() < swarm.expected.len(), "it was too fast to be limited: {:?}", outputs.keys());
    assert!(outputs.iter().all(|(name, bytes)| swarm.expected.get(name) == Some(bytes)), "{:?}", outputs.keys());
}

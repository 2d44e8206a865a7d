//! The course's own tests, where they lie beside this project.

use tema3::assignment::{Input, output_name};

use super::program::repeats;
use super::swarm_folder::{Layout, Swarm, files, root};

/// The course's tests, or a word and none where they are not here.
pub(crate) fn all() -> Vec<Swarm> {
    let folder = root().join("../shared/fixtures");
    let mut swarms = Vec::new();
    for name in ["test1", "test2"] {
        let found = files(&folder.join(name));
        if found.is_empty() {
            eprintln!("skipped: the course's {name} is not in {}", folder.display());
            continue;
        }
        let input = |client: u32| found.get(&Input::file_name(client)).cloned();
        let inputs = (1..).map_while(|client| Some((client, input(client)?))).collect();
        let mut swarm = Swarm { name: name.to_owned(), ranks: 1, inputs, expected: Default::default(), exit: 0 };
        swarm.ranks += swarm.inputs.len() as u32;
        for (client, bytes) in &swarm.inputs {
            let (input, _) = Input::parse(*client, bytes).expect("the course's inputs are sound");
            for wanted in input.wanted {
                let listed = found[&format!("{}.txt", wanted.replace("file", "out"))].clone();
                swarm.expected.insert(output_name(*client, &wanted), listed);
            }
        }
        swarms.push(swarm);
    }
    swarms
}

#[test]
fn every_client_gets_what_the_course_expects() {
    // RELIABILITY row 1.
    for swarm in all() {
        for _ in 0..repeats() {
            swarm.check(Layout::InAndOut);
            swarm.check(Layout::OneEach);
        }
    }
}

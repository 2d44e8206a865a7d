//! `--plan`: what a staging would come to is told, and nothing is changed.

use std::fs;
use std::os::unix::fs::symlink;

use super::compared::assert_only;
use super::mounted::Mounted;
use super::program::{assert_refused, stage};
use super::trees::{noise, plain};

#[test]
fn a_plan_names_each_place_and_what_it_needs_and_leaves_everything_as_it_was() {
    let folder = plain(&[100_000, 77]);
    let ended = stage(3, folder.path(), "data --to out/{rank} --from-ranks 0 --for 1-2 --plan").well();
    assert_eq!(ended.said("2 files, 97.73 KiB, in 7 pieces of 16 KiB; read by rank 0"), 1, "{ended:#?}");
    for rank in 1..3 {
        let place = format!("/out/{rank}  ");
        let line = ended.stdout.lines().find(|line| line.contains(&place)).unwrap();
        assert!(line.contains("  97.73 KiB    0 B  104 KiB  "), "{line}");
    }
    assert_eq!(ended.said("about 195.46 KiB would go from rank to rank; nothing was moved"), 1, "{ended:#?}");
    assert_only(folder.path(), &["data"]);
}

#[test]
fn what_is_there_already_is_expected_to_stay_and_what_differs_is_named() {
    let folder = plain(&[100_000, 77]);
    fs::create_dir_all(folder.path().join("out/1/data")).unwrap();
    fs::write(folder.path().join("out/1/data/file0"), noise(0, 100_000)).unwrap();
    fs::write(folder.path().join("out/1/data/file1"), "else").unwrap();
    let ended = stage(2, folder.path(), "data --to out/{rank} --plan --force").well();
    let line = ended.stdout.lines().find(|line| line.contains("/out/1  ")).unwrap();
    assert!(line.contains("  97.66 KiB    4 KiB  ") && line.ends_with("data/file1 differs"), "{ended:#?}");
    assert_eq!(ended.said("what differs is replaced"), 1, "{ended:#?}");
    assert_only(&folder.path().join("out/1"), &["data"]);
}

#[test]
fn ranks_that_share_a_place_need_it_once() {
    let folder = plain(&[100_000]);
    let ended = stage(3, folder.path(), "data --to new/out --plan").well();
    let lines: Vec<&str> = ended.stdout.lines().filter(|line| line.contains("/new/out  ")).collect();
    assert!(matches!(lines[..], [line] if line.starts_with("0 to 2  ")), "{ended:#?}");
    assert_only(folder.path(), &["data"]);
}

#[test]
fn a_place_that_is_too_small_is_named_with_what_it_needs_and_has() {
    // RELIABILITY row 28.
    let folder = plain(&[1_500_000]);
    let Some(_small) = Mounted::at(&folder.path().join("out/1"), "1M") else { return };
    let ended = stage(2, folder.path(), "data --to out/{rank} --plan").run();
    assert_refused(&ended, 6, &["rank 1 on ", "/out/1 needs 1.43 MiB and has 1 MiB free"]);
    assert_only(&folder.path().join("out"), &["1"]);
    assert_only(&folder.path().join("out/1"), &[]);
}

#[test]
fn a_source_that_nobody_can_read_is_told_by_a_plan_too() {
    let folder = plain(&[1]);
    assert_refused(&stage(2, folder.path(), "none --to out/{rank} --plan").run(), 3, &["no rank can read"]);
    assert_only(folder.path(), &["data"]);
}

#[test]
fn what_a_run_would_refuse_its_plan_refuses_with_the_same_words_and_code() {
    let folder = plain(&[1000, 77]);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("out/0/data/file0")).unwrap();
    fs::create_dir_all(at("out/1")).unwrap();
    symlink("nowhere", at("out/1/data")).unwrap();
    fs::create_dir_all(at("out/2/data")).unwrap();
    fs::write(at("out/2/data/file1"), "else").unwrap();
    let refusals = [
        "out/0/data/file0 is a folder where a file belongs: move it away",
        "out/1/data is a symbolic link where a folder belongs: move it away",
        "out/2/data/file1; --force replaces",
    ];
    for (options, refused) in [("", &refusals[..]), ("--force", &refusals[..2])] {
        let line = format!("data --to out/{{rank}} --plan --status status.json {options}");
        let plan = stage(3, folder.path(), &line).run();
        for (rank, refusal) in refused.iter().enumerate() {
            assert_refused(&plan, 3, &[&format!("rank {rank} on "), refusal]);
        }
        assert_eq!(plan.stderr.matches(" on ").count(), refused.len(), "{plan:#?}");
        assert_eq!(plan.said("nothing was moved"), 1, "{plan:#?}");
        assert_eq!(plan.said("is replaced"), usize::from(options == "--force"), "{plan:#?}");
        let status = fs::read_to_string(at("status.json")).unwrap();
        assert!(status.contains(r#""code":3,"#) && status.contains(refusals[0]), "{status}");
        assert_eq!(stage(3, folder.path(), &format!("data --to out/{{rank}} {options}")).run().code, 3);
    }
    symlink("nowhere", at("link")).unwrap();
    for option in ["--plan", ""] {
        let ended = stage(2, folder.path(), &format!("data --to link {option}")).run();
        assert_refused(&ended, 6, &["link: there is a file in its way"]);
    }
}

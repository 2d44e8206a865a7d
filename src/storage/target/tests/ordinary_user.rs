//! The same stories once more for an ordinary user: root may do what modes forbid, and so does not see what they hinder.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::fixture::not_tested;

/// A user that owns nothing.
const NOBODY: u32 = 65534;
const STORIES: [&str; 6] =
    ["sweep::", "tests::staging::", "tests::restaging::", "tests::refusals::", "tests::pausing::", "tests::crash::"];

#[test]
fn an_ordinary_user_sees_the_same() {
    if !rustix::process::geteuid().is_root() {
        // Then all stories are those of an ordinary user.
        return;
    }
    let mut stories = Command::new("/proc/self/exe");
    stories.args(STORIES.map(|story| format!("storage::target::{story}")));
    match stories.uid(NOBODY).gid(NOBODY).current_dir("/").output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains(" passed"), "{said}");
        }
        Err(error) => not_tested(&format!("the stories of an ordinary user: {error}")),
    }
}

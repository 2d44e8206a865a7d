//! File systems that are made for a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory, for as long as it is held.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts one of this size; nothing where that is not permitted, which is said loudly.
    pub(crate) fn at(place: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(place).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(place.to_owned())),
            other => {
                eprintln!("NOT TESTED, since nothing can be mounted here: {other:?}");
                None
            }
        }
    }

    /// Allows or forbids to write to it.
    pub(crate) fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        if !std::thread::panicking() {
            assert!(unmounted.unwrap().success(), "{} is in use", self.0.display());
        }
    }
}

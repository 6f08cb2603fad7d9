//! A folder for temporary files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

static CREATED: AtomicUsize = AtomicUsize::new(0);

/// A new folder. It is removed when this value is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn create() -> Self {
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("paseto-actix-benches-{}-{number}", process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The folder of temporary files is cleaned by the system too.
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! Creates, reads and replaces key files. A reader never sees a part of a new file, and an error
//! leaves the old file as it is.

use std::ffi::OsString;
use std::fs;
use std::fs::{File, OpenOptions};
use std::io;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::any_schedule::AnySchedule;
use crate::failure::Failure;

/// The limit of the library for a key file.
const MAX_BYTES: usize = 64 * 1024;

/// Creates a file that only its owner can read. An existing file is an error.
pub(super) fn create(path: &Path, content: &str) -> Result<(), Failure> {
    let fails =
        |error: io::Error| Failure::of_file(path, format!("cannot create the file: {error}"));
    let file = new_file(path).map_err(fails)?;
    write(file, content).and_then(|()| sync_folder(open_folder(path)?)).map_err(|error| {
        // A part of a key file is of no use.
        let _ = fs::remove_file(path);
        fails(error)
    })
}

/// Reads a key file.
pub(super) fn read(path: &Path) -> Result<AnySchedule, Failure> {
    let fails = |error: io::Error| Failure::of_file(path, format!("cannot read the file: {error}"));
    // Opening a named pipe would wait for its writer.
    if !fs::metadata(path).map_err(fails)?.is_file() {
        return Err(Failure::of_file(path, "not a regular file"));
    }
    // A buffer that grows leaves copies of the keys in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 64));
    let limited = File::open(path).map_err(fails)?.take(MAX_BYTES as u64 + 1);
    { limited }.read_to_end(&mut bytes).map_err(fails)?;
    if bytes.len() > MAX_BYTES {
        return Err(Failure::of_file(path, "longer than 64 KiB"));
    }
    let text = str::from_utf8(&bytes).map_err(|_| Failure::of_file(path, "not UTF-8"))?;
    AnySchedule::from_json(text).map_err(|error| Failure::of_file(path, error))
}

/// A key file that no other process of this program changes.
#[derive(Debug)]
pub(super) struct LockedFile {
    path: PathBuf,
    /// The lock ends when this file is closed, also if the process is killed.
    _lock: File,
}

impl LockedFile {
    /// Waits for the lock of an existing key file.
    pub(super) fn lock(path: &Path) -> Result<Self, Failure> {
        let fails =
            |error: io::Error| Failure::of_file(path, format!("cannot lock the file: {error}"));
        // The new file replaces the target of a symbolic link, and not the link.
        let path = fs::canonicalize(path).map_err(fails)?;
        let lock = lock(&path).map_err(fails)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn read(&self) -> Result<AnySchedule, Failure> {
        read(&self.path)
    }

    /// Replaces the file atomically. The owner, the group, and the read permission of the group
    /// stay as they are. Other users get no permission.
    pub(super) fn replace(&self, content: &str) -> Result<(), Failure> {
        let fails = |error: io::Error| {
            Failure::of_file(&self.path, format!("cannot replace the file: {error}"))
        };
        let new = beside(&self.path, ".", ".new");
        // A process that was killed leaves its new file. The lock excludes a running process.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fails(error)),
            _ => {}
        }
        // A folder that cannot be opened is an error before the file changes.
        let folder = open_folder(&self.path).map_err(fails)?;
        let file = new_file(&new).map_err(fails)?;
        keep_owner(&self.path, &file)
            .and_then(|()| write(file, content))
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|error| {
                let _ = fs::remove_file(&new);
                fails(error)
            })?;
        sync_folder(folder).map_err(|error| {
            let problem = "the file is written, but a crash of the system can restore the old file";
            Failure::of_file(&self.path, format!("{problem}: {error}"))
        })
    }
}

/// Locks the key file. Only users who can read the keys can hold this lock.
#[cfg(unix)]
fn lock(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::MetadataExt;

    loop {
        // Opening a named pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let file = File::open(path)?;
        file.lock()?;
        // A rotation that held the lock has replaced the file: lock the new file.
        let (locked, current) = (file.metadata()?, fs::metadata(path)?);
        if (locked.dev(), locked.ino()) == (current.dev(), current.ino()) {
            return Ok(file);
        }
    }
}

/// Locks a file of its own: on Windows, the lock of the key file would block its readers.
#[cfg(not(unix))]
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(beside(path, "", ".lock"))?;
    file.lock()?;
    Ok(file)
}

/// Returns the path in the same folder with an extended file name.
fn beside(path: &Path, prefix: &str, suffix: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private(options.write(true).create_new(true)).open(path)
}

/// Writes the content to the disk, not only to the cache of the operating system.
fn write(mut file: File, content: &str) -> io::Result<()> {
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Returns warnings about the permissions of a key file.
#[cfg(unix)]
pub(super) fn permission_notes(path: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = fs::metadata(path) else { return Vec::new() };
    let mode = metadata.permissions().mode() & 0o777;
    // Read and write for others, and write for the group, as in the library.
    let is_open = mode & 0o026 != 0;
    let warning = || {
        format!(
            "WARNING: `{}` has the permissions {mode:04o}, so other users can read or change the \
             keys: run `chmod 600` on it",
            path.display()
        )
    };
    is_open.then(warning).into_iter().collect()
}

#[cfg(not(unix))]
pub(super) fn permission_notes(_: &Path) -> Vec<String> {
    Vec::new()
}

/// Only the owner can read and write a file that these options create.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Without the same owner, a service could not read its keys after a rotation by `root`.
#[cfg(unix)]
fn keep_owner(old: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let (old, found) = (fs::metadata(old)?, new.metadata()?);
    if (old.uid(), old.gid()) != (found.uid(), found.gid()) {
        fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(fs::Permissions::from_mode(0o600 | (old.mode() & 0o040)))
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// Writes the entry of a file in its folder to the disk.
#[cfg(unix)]
fn sync_folder(folder: File) -> io::Result<()> {
    folder.sync_all()
}

#[cfg(not(unix))]
fn sync_folder((): ()) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn open_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}

#[cfg(not(unix))]
fn open_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

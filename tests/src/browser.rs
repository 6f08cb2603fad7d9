//! A Chromium without a window, for a WebDriver client to drive.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, io};

use crate::process::Process;
use crate::require::found_or_skipped;

const SETTING: &str = "PASETO_ACTIX_CHROMEDRIVER";

/// What a Chromium wants that has no screen, may run as root, and is to speak to nobody but the server under test.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Spoken to by a pipe, it ends with the driver, even with one that is killed.
    "--remote-debugging-pipe",
];

/// How long a browser may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running chromedriver, on a free port. It ends when this is dropped, and its browser with it.
#[derive(Debug)]
pub struct Chromedriver {
    _process: Process,
    profile: Profile,
    chromium: Option<PathBuf>,
    /// `127.0.0.1:…`
    address: String,
}

impl Chromedriver {
    /// Starts one; `None`, and a line that says so, where there is none.
    ///
    /// It is the one that `PASETO_ACTIX_CHROMEDRIVER` names, else that on the `PATH`, if a Chromium is there too.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (driver, chromium) = found_or_skipped(find(), "browser", "chromedriver and Chromium")?;
        let profile = Profile::fresh();
        // What it leaves in a folder for temporary files goes the way of the profile.
        let mut process =
            Process::start(Command::new(driver).arg("--port=0").env("TMPDIR", &profile.0));
        let port = process.line_after("ChromeDriver was started successfully on port ");
        let address = format!("127.0.0.1:{}", port.trim_end_matches('.'));
        Some(Self { _process: process, profile, chromium, address })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The browser to ask it for; `None` if it has to find one by itself.
    pub fn chromium(&self) -> Option<&Path> {
        self.chromium.as_deref()
    }

    /// The arguments that the browser is to be started with.
    pub fn arguments(&self) -> Vec<String> {
        let profile = format!("--user-data-dir={}", self.profile.0.join("profile").display());
        ARGUMENTS.iter().map(|argument| (*argument).to_owned()).chain([profile]).collect()
    }

    /// Asks it to end, which it answers once its browser has.
    fn shut_down(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET /shutdown HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // A browser that outlives its driver, if only for a moment, writes to the profile that is deleted. Where it is not to
        // be talked to, killing it, as happens next, has to do.
        let _ = self.shut_down();
    }
}

/// A driver and a browser.
fn find() -> Option<(PathBuf, Option<PathBuf>)> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    if let Some(named) = env::var_os(SETTING) {
        let mut version = Command::new(&named);
        let runs = version
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        assert!(runs, "{SETTING} is no chromedriver");
        return Some((named.into(), chromium));
    }
    Some((on_path("chromedriver")?, Some(chromium?)))
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// A folder for all that a browser remembers, deleted when this is dropped.
#[derive(Debug)]
struct Profile(PathBuf);

impl Profile {
    fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::SeqCst);
            let path = env::temp_dir()
                .join(format!("paseto-actix-browser-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Left by a process of the same id that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create {}: {error}", path.display()),
            }
        }
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

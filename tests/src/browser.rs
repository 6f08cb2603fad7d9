//! A headless Chromium that a WebDriver client controls.

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

/// Arguments of a Chromium without a screen that may run as root. It connects only to the tested
/// server.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // With a pipe, Chromium exits when the driver exits or is killed.
    "--remote-debugging-pipe",
];

/// The maximum time until a browser has exited.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// A running chromedriver on a free port. When this value is dropped, the driver and its browser
/// exit.
#[derive(Debug)]
pub struct Chromedriver {
    _process: Process,
    profile: Profile,
    chromium: Option<PathBuf>,
    /// `127.0.0.1:…`
    address: String,
}

impl Chromedriver {
    /// Starts a chromedriver. If chromedriver or Chromium is missing, prints a line and returns
    /// `None`.
    ///
    /// The program is the value of `PASETO_ACTIX_CHROMEDRIVER` or, by default, the chromedriver on
    /// the `PATH` if a Chromium is there too.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (driver, chromium) = found_or_skipped(find(), "browser", "chromedriver and Chromium")?;
        let profile = Profile::create();
        // Temporary files of the driver are removed with the profile.
        let mut process =
            Process::start(Command::new(driver).arg("--port=0").env("TMPDIR", &profile.0));
        let port = process.line_after("ChromeDriver was started successfully on port ");
        let address = format!("127.0.0.1:{}", port.trim_end_matches('.'));
        Some(Self { _process: process, profile, chromium, address })
    }

    /// Returns the URL of the driver.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the path of the browser, or `None` if the driver must find the browser itself.
    pub fn chromium(&self) -> Option<&Path> {
        self.chromium.as_deref()
    }

    /// Returns the arguments of the browser.
    pub fn arguments(&self) -> Vec<String> {
        let profile = format!("--user-data-dir={}", self.profile.0.join("profile").display());
        ARGUMENTS.iter().map(|argument| (*argument).to_owned()).chain([profile]).collect()
    }

    /// Requests the shutdown of the driver. The driver responds after its browser has exited.
    fn shut_down(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(SHUTDOWN_TIMEOUT))?;
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
        // A running browser would write to the profile while it is removed. If this request fails,
        // the process is killed next.
        let _ = self.shut_down();
    }
}

/// Returns the paths of a driver and of a browser.
fn find() -> Option<(PathBuf, Option<PathBuf>)> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    if let Some(named) = env::var_os(SETTING) {
        let mut version = Command::new(&named);
        let runs = version
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        assert!(runs, "{SETTING} is not a chromedriver");
        return Some((named.into(), chromium));
    }
    Some((on_path("chromedriver")?, Some(chromium?)))
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// A folder for the profile of a browser. It is removed when this value is dropped.
#[derive(Debug)]
struct Profile(PathBuf);

impl Profile {
    fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::SeqCst);
            let path = env::temp_dir()
                .join(format!("paseto-actix-browser-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // A killed process with the same ID has left the folder.
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

//! The process of the server.

use std::error::Error;
use std::fs;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::process::{Process, terminate};

const PROGRAM: &str = "noticeboard";
/// Without this size, the allocator of glibc keeps the freed memory of Argon2, 19 MiB for each of
/// its arenas. The memory would then hide the growth of everything else.
const MMAP_THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");
const MAX_START: Duration = Duration::from_secs(30);
/// The server waits for open connections for 30 seconds.
const MAX_STOP: Duration = Duration::from_secs(60);
/// The unit of the processor time in `/proc`.
const TICKS_PER_SECOND: u64 = 100;

pub(crate) struct Server {
    child: Mutex<Child>,
    id: u32,
    address: SocketAddr,
    log: PathBuf,
}

/// The figures of a process.
pub(crate) struct Figures {
    pub(crate) rss_kib: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
    pub(crate) cpu: Duration,
}

impl Server {
    /// Starts the server, and waits until it listens.
    pub(crate) fn start(
        folder: &Path,
        redis_url: &str,
        key_file: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let log = folder.join("noticeboard.log");
        let file = File::create(&log)?;
        let child = Process::example_command(PROGRAM)
            .env("REDIS_URL", redis_url)
            .env("KEY_FILE", key_file)
            .env(MMAP_THRESHOLD.0, MMAP_THRESHOLD.1)
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        let id = child.id();
        let mut server = Self {
            child: Mutex::new(child),
            id,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log,
        };
        let start = Instant::now();
        loop {
            let log = fs::read_to_string(&server.log)?;
            let line = log.lines().find_map(|line| line.strip_prefix("listening on http://"));
            if let Some(address) = line {
                server.address = address.parse()?;
                return Ok(server);
            }
            if start.elapsed() > MAX_START {
                return Err(format!("the server does not listen:\n{log}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the figures of the process, which Linux has in `/proc`.
    pub(crate) fn figures(&self) -> Result<Figures, Box<dyn Error>> {
        let folder = format!("/proc/{}", self.id);
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.split_whitespace().next());
            value.and_then(|value| value.parse::<u64>().ok()).ok_or(format!("no `{name}`"))
        };
        // The name of the program, in parentheses, can contain spaces.
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("no name in `stat`")?;
        let times = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = times.sum::<Result<_, _>>()?;
        Ok(Figures {
            rss_kib: field("VmRSS:")?,
            threads: field("Threads:")?,
            files: fs::read_dir(format!("{folder}/fd"))?.count() as u64,
            cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND),
        })
    }

    /// Sends SIGTERM. Returns the exit status.
    pub(crate) fn stop(&self) -> Result<ExitStatus, Box<dyn Error>> {
        terminate(self.id);
        let start = Instant::now();
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > MAX_STOP {
                return Err("the server did not exit after SIGTERM".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> Result<String, Box<dyn Error>> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Both fail only if the server has already exited.
        let _ = child.kill();
        let _ = child.wait();
    }
}

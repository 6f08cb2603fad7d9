//! The four services. Each keeps its address over a restart.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Child};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix::LocalKey;
use paseto_actix::time::OffsetDateTime;
use paseto_actix_tests::connection::Connection;
use paseto_actix_tests::process::Process;

use crate::connections::{LIMIT, get};
use crate::keys::Keys;

/// The default issuer of both examples.
pub(crate) const ISSUER: &str = "https://auth.example";
/// The audience of both examples.
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const TOKEN_TTL: Duration = Duration::from_secs(30);
/// The lowest value, so that the program learns of changed keys early.
const KEY_SET_MAX_AGE: &str = "60";
const MAX_START: Duration = Duration::from_secs(30);

pub(crate) type Pair = [usize; 2];

/// The indices of the auth services.
pub(crate) struct Auths;

impl Auths {
    pub(crate) const fn all() -> Pair {
        [0, 1]
    }
}

/// The indices of the resource services.
pub(crate) struct Resources;

impl Resources {
    pub(crate) const fn all() -> Pair {
        [2, 3]
    }
}

pub(crate) struct Services([Service; 4]);

impl Services {
    pub(crate) fn new(
        folder: &Path,
        redis_url: &str,
        key_file: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let [auth_one, auth_two, resource_one, resource_two] = free_addresses()?;
        let key_file = key_file.to_str().ok_or("the path of the key file is not UTF-8")?;
        let refresh_key = LocalKey::generate().to_paserk().to_string();
        let auth = |name, address| {
            let variables = vec![
                ("KEY_FILE", key_file.to_owned()),
                ("REFRESH_KEYS", refresh_key.clone()),
                ("REDIS_URL", redis_url.to_owned()),
                ("TOKEN_TTL", TOKEN_TTL.as_secs().to_string()),
                ("KEY_SET_MAX_AGE", KEY_SET_MAX_AGE.to_owned()),
            ];
            Service::new(folder, "auth_service", name, address, variables)
        };
        let resource = |name, address, auth: SocketAddr| {
            let variables = vec![
                ("KEY_SET_URL", format!("http://{auth}/.well-known/paserk.json")),
                ("REDIS_URL", redis_url.to_owned()),
            ];
            Service::new(folder, "resource_service", name, address, variables)
        };
        Ok(Self([
            auth("auth 1", auth_one),
            auth("auth 2", auth_two),
            resource("resource 1", resource_one, auth_one),
            resource("resource 2", resource_two, auth_two),
        ]))
    }

    pub(crate) fn get(&self, index: usize) -> &Service {
        &self.0[index]
    }

    pub(crate) fn start_all(&self, keys: &Keys) -> Result<(), Box<dyn Error>> {
        self.0.iter().try_for_each(|service| service.start(keys))
    }
}

pub(crate) struct Service {
    program: &'static str,
    name: &'static str,
    address: SocketAddr,
    variables: Vec<(&'static str, String)>,
    log: PathBuf,
    process: Mutex<Option<Child>>,
    /// Changes when the service is stopped and when it listens. Odd while the service is stopped.
    generation: AtomicU64,
    /// Whether a resource service has fetched a key set since its start.
    has_keys: AtomicBool,
}

impl Service {
    fn new(
        folder: &Path,
        program: &'static str,
        name: &'static str,
        address: SocketAddr,
        variables: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            program,
            name,
            address,
            variables,
            log: folder.join(format!("{}.log", name.replace(' ', "_"))),
            process: Mutex::new(None),
            generation: AtomicU64::new(1),
            has_keys: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.has_keys.load(Ordering::SeqCst)
    }

    /// Starts the service, and waits until it responds with `200`.
    pub(crate) fn start(&self, keys: &Keys) -> Result<(), Box<dyn Error>> {
        let log =
            || -> Result<File, _> { OpenOptions::new().create(true).append(true).open(&self.log) };
        let child = Process::example_command(self.program)
            .env("BIND", self.address.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(log()?)
            .stderr(log()?)
            .spawn()?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let start = Instant::now();
        while Connection::open(self.address(), LIMIT).is_err() {
            self.wait_since(start)?;
        }
        self.generation.fetch_add(1, Ordering::SeqCst);

        let token = keys.long_token(keys.active(OffsetDateTime::now_utc()))?;
        let path = if self.program == "auth_service" { "/health" } else { "/orders" };
        let request = get(path, &token);
        let is_ready = || {
            let connection = Connection::open(self.address(), LIMIT);
            let response = connection.and_then(|mut to| to.exchange(&request));
            response.is_ok_and(|response| response.status == 200)
        };
        while !is_ready() {
            self.wait_since(start)?;
        }
        self.has_keys.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn wait_since(&self, start: Instant) -> Result<(), String> {
        if start.elapsed() > MAX_START {
            return Err(format!("{} did not start: see {}", self.name, self.log.display()));
        }
        thread::sleep(Duration::from_millis(10));
        Ok(())
    }

    /// Kills the service, as in a crash.
    pub(crate) fn stop(&self) {
        self.has_keys.store(false, Ordering::SeqCst);
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.kill();
    }

    fn kill(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut process) = process {
            // Both fail only if the service has already exited.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns free addresses below the ports that the system gives to outgoing connections. Otherwise,
/// a connection of a client could take the port of a stopped service.
fn free_addresses() -> Result<[SocketAddr; 4], Box<dyn Error>> {
    let first = 20_000 + u16::try_from(process::id() % 1000)? * 4;
    let addresses = (first..32_768).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let free: Vec<_> =
        addresses.filter(|address| TcpListener::bind(address).is_ok()).take(4).collect();
    free.try_into().map_err(|_| "no four ports are free".into())
}

//! A Redis server that a test starts.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use crate::certificates::Certificates;
use crate::redis_server::{RedisServer, free_port, new_folder, server_program};

/// A running Redis server. It keeps its data over restarts. When this value is dropped, the server
/// is killed and its files are removed.
#[derive(Debug)]
pub struct Redis {
    server: RedisServer,
    folder: PathBuf,
}

impl Redis {
    /// Starts a server on a free port of 127.0.0.1. Returns `None` if Redis is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let mut redis = Self::found()?;
        redis.restart(&[]);
        Some(redis)
    }

    /// Moves the times of all keys back, as if this time had passed.
    #[track_caller]
    pub fn advance(&self, by: time::Duration) {
        let script = "for _, key in ipairs(redis.call('KEYS', '*')) do
            if redis.call('TYPE', key).ok == 'hash' then
                local fields = redis.call('HGETALL', key)
                for i = 1, #fields, 2 do
                    local family = cmsgpack.unpack(fields[i + 1])
                    for j = 3, 5 do family[j] = family[j] - ARGV[1] * 1000 end
                    redis.call('HSET', key, fields[i], cmsgpack.pack(family))
                end
            end
            redis.call('PEXPIREAT', key, redis.call('PEXPIRETIME', key) - ARGV[1])
        end
        return 'moved'";
        assert_eq!(
            self.command(&["EVAL", script, "0", &by.whole_milliseconds().to_string()]),
            "moved"
        );
    }

    /// Starts a cluster of one server. The server owns all slots and rejects commands across slots.
    #[track_caller]
    pub fn cluster() -> Option<Self> {
        let mut redis = Self::found()?;
        let bus = free_port().to_string();
        redis.server.add_arguments(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
        redis.restart(&[]);
        assert_eq!(redis.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
        redis.server.wait_for("cluster_state:ok", &["CLUSTER", "INFO"]);
        Some(redis)
    }

    /// Starts a server that also accepts TLS. Returns the server, its TLS URL and the certificate
    /// of the authority.
    #[track_caller]
    pub fn tls() -> Option<(Self, String, PathBuf)> {
        let mut redis = Self::found()?;
        let tls = Certificates::of_localhost(&redis.folder);
        let port = redis.server.add_tls(&tls);
        redis.restart(&[]);
        Some((redis, format!("rediss://127.0.0.1:{port}/"), tls.authority))
    }

    #[track_caller]
    fn found() -> Option<Self> {
        let program = server_program()?;
        let folder = new_folder();
        Some(Self { server: RedisServer::new(&program, &folder), folder })
    }

    /// Returns the port of the server.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.server.port())
    }

    /// Closes the connections of all clients, as the server does with idle connections.
    pub fn end_connections(&self) {
        let ended: u32 =
            self.command(&["CLIENT", "KILL", "TYPE", "normal"]).parse().expect("how many");
        assert_ne!(ended, 0, "no client was connected");
    }

    /// Returns the number of calls of a command, such as `get`.
    pub fn calls(&self, command: &str) -> u64 {
        let stats = self.command(&["INFO", "commandstats"]);
        let line = format!("cmdstat_{command}:calls=");
        let calls = stats.lines().find_map(|stat| stat.strip_prefix(&line)?.split(',').next());
        calls.map_or(0, |calls| calls.parse().expect("a number"))
    }

    /// Returns the IDs of the connections with `CLIENT TRACKING`.
    pub fn tracking(&self) -> Vec<String> {
        let clients = self.command(&["CLIENT", "LIST"]);
        let field = |client: &str, name| {
            client.split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_owned)
        };
        let is_tracking = |client: &&str| field(client, "flags=").is_some_and(|f| f.contains('t'));
        clients.lines().filter(is_tracking).filter_map(|client| field(client, "id=")).collect()
    }

    /// Closes the connections with `CLIENT TRACKING`, and no others.
    pub fn end_tracking(&self) {
        let tracking = self.tracking();
        assert!(!tracking.is_empty(), "no connection with tracking");
        for id in tracking {
            assert_eq!(self.command(&["CLIENT", "KILL", "ID", &id]), "1");
        }
    }

    /// Starts a proxy to this server that can lose responses.
    pub fn lossy_proxy(&self) -> LossyProxy {
        LossyProxy::to(self.server.port())
    }

    /// Kills the server if it runs, and starts it with these additional arguments.
    pub fn restart(&mut self, arguments: &[&str]) {
        self.server.spawn(arguments);
        self.server.wait_until_started();
    }

    /// Kills the server, as in a crash.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Suspends or resumes the server.
    pub fn hang(&self, hang: bool) {
        self.server.suspend(hang);
    }

    /// Returns the response of the server to a command, in the format of `redis-cli`.
    pub fn command(&self, command: &[&str]) -> String {
        self.server.command(command)
    }
}

/// A proxy to a server. On request it drops the next response and closes the connection. The server
/// has then executed the command. It can also hold all bytes of the server.
#[derive(Debug)]
pub struct LossyProxy {
    port: u16,
    /// The number of responses until one is dropped, or 0.
    loses: Arc<AtomicUsize>,
    holds: Arc<AtomicBool>,
}

impl LossyProxy {
    /// Starts a proxy to this port of 127.0.0.1.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = Self {
            port: listener.local_addr().expect("an address").port(),
            loses: Arc::default(),
            holds: Arc::default(),
        };
        let (loses, holds) = (Arc::clone(&proxy.loses), Arc::clone(&proxy.holds));
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(("127.0.0.1", server));
                // Without a server, the connection of the client is closed.
                let (Ok(client), Ok(server)) = (client, server) else { continue };
                // Like Redis, the proxy sends each message at once.
                for end in [&client, &server] {
                    end.set_nodelay(true).expect("a socket");
                }
                let ends =
                    (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                thread::spawn(move || forward(ends.0, ends.1, || false));
                let (loses, holds) = (Arc::clone(&loses), Arc::clone(&holds));
                thread::spawn(move || {
                    forward(server, client, || {
                        while holds.load(Ordering::SeqCst) {
                            thread::sleep(Duration::from_millis(1));
                        }
                        let one_less = |left: usize| left.checked_sub(1);
                        let before =
                            loses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
                        before == Ok(1)
                    })
                });
            }
        });
        proxy
    }

    /// Returns the URL of the proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Holds the bytes of the server on all connections, or forwards them again.
    pub fn hold(&self, holds: bool) {
        self.holds.store(holds, Ordering::SeqCst);
    }

    /// Returns the port of the proxy.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Drops the next response.
    pub fn lose(&self) {
        self.lose_after(0);
    }

    /// Drops a response after this number of other responses.
    pub fn lose_after(&self, responses: usize) {
        self.loses.store(responses + 1, Ordering::SeqCst);
    }

    /// Returns whether the response has been dropped.
    pub fn has_lost(&self) -> bool {
        self.loses.load(Ordering::SeqCst) == 0
    }
}

/// Forwards bytes until either end is closed or a response is dropped. Then closes both ends.
fn forward(mut from: TcpStream, mut to: TcpStream, loses: impl Fn() -> bool) {
    let mut buffer = [0; 4096];
    let mut step = || -> io::Result<bool> {
        let length = from.read(&mut buffer)?;
        if length == 0 || loses() {
            return Ok(false);
        }
        to.write_all(&buffer[..length]).map(|()| true)
    };
    while matches!(step(), Ok(true)) {}
    for end in [from, to] {
        // The end may already be closed.
        let _ = end.shutdown(Shutdown::Both);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.server.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

//! A primary, its replicas and three sentinels that a test starts.

use std::fs;
use std::path::PathBuf;

use crate::redis_server::{RedisServer, new_folder, server_program, wait_until};

/// The name of the primary in the sentinels.
pub const MASTER_NAME: &str = "shop";

/// The settings of a [`Sentinel`]. Default: one replica, no password.
#[derive(Debug)]
pub struct SentinelOptions {
    /// The number of replicas.
    pub replicas: usize,
    /// The password of clients and replicas. The sentinels themselves need no password.
    pub password: Option<String>,
}

impl Default for SentinelOptions {
    fn default() -> Self {
        Self { replicas: 1, password: None }
    }
}

/// A running primary with replicas and three sentinels, of which two must agree. When this value is
/// dropped, all servers are killed and their files are removed.
///
/// The port of a server identifies it. It never changes.
#[derive(Debug)]
pub struct Sentinel {
    folder: PathBuf,
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    options: SentinelOptions,
}

impl Sentinel {
    /// Starts a primary, one replica and three sentinels. Returns `None` if Redis is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::with(SentinelOptions::default())
    }

    /// Starts servers with these settings. Returns `None` if Redis is missing.
    #[track_caller]
    pub fn with(options: SentinelOptions) -> Option<Self> {
        let (program, folder) = (server_program()?, new_folder());
        let servers = (0..=options.replicas).map(|_| RedisServer::new(&program, &folder)).collect();
        let mut this = Self { folder, servers, sentinels: Vec::new(), options };
        let primary = this.servers[0].port().to_string();
        for (index, server) in this.servers.iter_mut().enumerate() {
            server.add_arguments(&["--repl-diskless-sync-delay", "0"]);
            if let Some(password) = &this.options.password {
                server.set_password(password);
            }
            let of = ["--replicaof", "127.0.0.1", &primary];
            server.spawn(if index == 0 { &[] } else { &of });
            server.wait_until_started();
        }
        for replica in &this.servers[1..] {
            replica.wait_for("master_link_status:up", &["INFO", "replication"]);
        }

        let mut settings = format!(
            "sentinel monitor {MASTER_NAME} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {MASTER_NAME} 1000\n\
             sentinel failover-timeout {MASTER_NAME} 3000\n"
        );
        if let Some(password) = &this.options.password {
            settings += &format!("sentinel auth-pass {MASTER_NAME} {password}\n");
        }
        for _ in 0..3 {
            let sentinel = RedisServer::sentinel(&program, &this.folder, &settings);
            sentinel.spawn(&[]);
            sentinel.wait_until_started();
            this.sentinels.push(sentinel);
        }
        let replicas = this.options.replicas;
        let known = format!("status=ok,address=127.0.0.1:{primary},slaves={replicas},sentinels=3");
        for sentinel in &this.sentinels {
            sentinel.wait_for(&known, &["INFO", "sentinel"]);
        }
        Some(this)
    }

    /// Returns the URLs of the sentinels. They contain no password.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels().iter().map(|port| format!("redis://127.0.0.1:{port}/")).collect()
    }

    /// Returns the ports of the sentinels.
    pub fn sentinels(&self) -> Vec<u16> {
        self.sentinels.iter().map(RedisServer::port).collect()
    }

    /// Returns the port of the primary, as most sentinels see it.
    #[track_caller]
    pub fn primary(&self) -> u16 {
        let ports: Vec<_> = self.responding().filter_map(primary_of).collect();
        let votes = |port: &u16| ports.iter().filter(|other| *other == port).count();
        *ports.iter().max_by_key(|port| votes(port)).expect("a running sentinel")
    }

    /// Returns the ports of the servers that are not the primary, also of those that do not run.
    pub fn replicas(&self) -> Vec<u16> {
        let primary = self.primary();
        self.servers.iter().map(RedisServer::port).filter(|port| *port != primary).collect()
    }

    /// Returns the reply of a server or a sentinel to a command, in the format of `redis-cli`. It
    /// is empty if the server does not reply.
    pub fn command(&self, port: u16, command: &[&str]) -> String {
        self.server(port).command(command)
    }

    /// Kills a server or a sentinel, as in a crash.
    pub fn kill(&self, port: u16) {
        self.server(port).kill();
    }

    /// Starts a killed server or sentinel with its old data. A server starts as a primary. The
    /// sentinels make it a replica after about ten seconds.
    pub fn restart(&self, port: u16) {
        self.server(port).spawn(&[]);
        self.server(port).wait_until_started();
    }

    /// Starts a killed server as a replica of the current primary.
    pub fn restart_as_replica(&self, port: u16) {
        let primary = self.primary().to_string();
        self.server(port).spawn(&["--replicaof", "127.0.0.1", &primary]);
        self.server(port).wait_until_started();
        self.server(port).wait_for("master_link_status:up", &["INFO", "replication"]);
    }

    /// Suspends a server or a sentinel. Its connections stay open, as if its network were cut.
    pub fn stop(&self, port: u16) {
        self.server(port).suspend(true);
    }

    /// Resumes a suspended server or sentinel.
    pub fn cont(&self, port: u16) {
        self.server(port).suspend(false);
    }

    /// Cuts the replication to a replica, which can still be promoted.
    pub fn hold_replication(&self, replica: u16) {
        self.set_primary_password(replica, "not-the-password");
        let killed = self.command(self.primary(), &["CLIENT", "KILL", "TYPE", "replica"]);
        assert_ne!(killed, "0", "the replica was not connected");
        self.server(replica).wait_for("master_link_status:down", &["INFO", "replication"]);
    }

    /// Continues the replication after [`Self::hold_replication`].
    pub fn continue_replication(&self, replica: u16) {
        self.set_primary_password(replica, self.options.password.as_deref().unwrap_or_default());
    }

    fn set_primary_password(&self, replica: u16, password: &str) {
        let reply = self.command(replica, &["CONFIG", "SET", "masterauth", password]);
        assert_eq!(reply, "OK");
    }

    /// Waits until all running sentinels name another primary than this one, and the new primary
    /// accepts writes. Returns the new primary.
    #[track_caller]
    pub fn wait_for_switch(&self, old: u16) -> u16 {
        wait_until("the switch to another primary", || {
            let named: Vec<_> = self.responding().map(primary_of).collect();
            let new = named.first().copied().flatten();
            new.is_some_and(|new| {
                new != old
                    && named.iter().all(|port| *port == Some(new))
                    && self.command(new, &["ROLE"]).starts_with("master")
            })
        });
        self.primary()
    }

    fn responding(&self) -> impl Iterator<Item = &RedisServer> {
        self.sentinels.iter().filter(|sentinel| sentinel.responds())
    }

    #[track_caller]
    fn server(&self, port: u16) -> &RedisServer {
        let mut all = self.servers.iter().chain(&self.sentinels);
        all.find(|server| server.port() == port).expect("a server of this sentinel")
    }
}

/// Returns the port of the primary, as this sentinel sees it.
fn primary_of(sentinel: &RedisServer) -> Option<u16> {
    let reply = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME]);
    reply.lines().nth(1)?.parse().ok()
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.servers.iter().chain(&self.sentinels).for_each(RedisServer::kill);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

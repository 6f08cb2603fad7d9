//! A Redis Cluster that a test starts.

mod membership;
mod migration;
mod node;

use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::certificates::Certificates;
use crate::redis_server::{
    RedisServer, free_port, new_folder, server_program, wait_or_panic, wait_until,
};

pub use migration::Migration;
pub use node::Node;

/// The time after which a node that does not reply has failed, in milliseconds. Its replica is
/// promoted one or two seconds later.
const NODE_TIMEOUT_MILLIS: &str = "1000";

/// The settings of a [`RedisCluster`]. Default: no password, no TLS.
#[derive(Debug, Default)]
pub struct ClusterOptions {
    /// The password of clients and replicas.
    pub password: Option<String>,
    /// Whether the URLs are those of TLS ports.
    pub tls: bool,
}

/// A running Redis Cluster: three primaries with one replica each. When this value is dropped, all
/// servers are killed and their files are removed.
///
/// A [`Node`] is a snapshot: its role and its slots may change. All methods find the server by its
/// port, which never changes.
#[derive(Debug)]
pub struct RedisCluster {
    program: OsString,
    options: ClusterOptions,
    certificates: Option<Certificates>,
    folder: PathBuf,
    servers: Mutex<Vec<Arc<Member>>>,
}

/// A server of the cluster, which may not run.
#[derive(Debug)]
struct Member {
    server: RedisServer,
    bus: u16,
    tls: Option<u16>,
}

impl Member {
    /// The port that the nodes of the cluster use among themselves.
    fn internal_port(&self) -> u16 {
        self.tls.unwrap_or(self.server.port())
    }
}

impl RedisCluster {
    /// Starts a cluster. Returns `None` if Redis is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::with(ClusterOptions::default())
    }

    /// Starts a cluster with these settings. Returns `None` if Redis is missing.
    #[track_caller]
    pub fn with(options: ClusterOptions) -> Option<Self> {
        let (program, folder) = (server_program()?, new_folder());
        let certificates = options.tls.then(|| Certificates::of_localhost(&folder));
        let cluster = Self { program, options, certificates, folder, servers: Mutex::default() };
        let members: Vec<_> = (0..6).map(|_| cluster.spawn_server()).collect();
        members.iter().for_each(|member| member.server.wait_until_started());

        let (primaries, replicas) = members.split_at(3);
        let slots = ["0 5460", "5461 10922", "10923 16383"];
        for ((epoch, member), slots) in (1..).zip(primaries).zip(slots) {
            let (first, last) = slots.split_once(' ').expect("two slots");
            ok(&member.server, &["CLUSTER", "ADDSLOTSRANGE", first, last]);
            ok(&member.server, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()]);
        }
        members[1..].iter().for_each(|member| meet(member, &members[0]));
        cluster.wait_until_met();
        for (primary, replica) in primaries.iter().zip(replicas) {
            let id = primary.server.command(&["CLUSTER", "MYID"]);
            ok(&replica.server, &["CLUSTER", "REPLICATE", &id]);
        }
        cluster.wait_until_ok();
        Some(cluster)
    }

    /// Starts a server that is not yet part of the cluster, without waiting.
    fn spawn_server(&self) -> Arc<Member> {
        let mut server = RedisServer::new(&self.program, &self.folder);
        let (bus, port) = (free_port(), server.port());
        server.add_arguments(&["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]);
        server.add_arguments(&["--cluster-config-file", &format!("{port}.nodes")]);
        server.add_arguments(&["--cluster-node-timeout", NODE_TIMEOUT_MILLIS]);
        // The defaults are 5 seconds, and 60 seconds: the patience of a test.
        server.add_arguments(&["--repl-diskless-sync-delay", "0", "--repl-timeout", "10"]);
        if let Some(password) = &self.options.password {
            server.set_password(password);
        }
        let tls = self.certificates.as_ref().map(|certificates| {
            server.add_arguments(&["--tls-cluster", "yes", "--tls-replication", "yes"]);
            server.add_tls(certificates)
        });
        server.spawn(&[]);
        let member = Arc::new(Member { server, bus, tls });
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&member));
        member
    }

    /// Returns the certificate of the authority of the TLS ports.
    pub fn authority(&self) -> Option<PathBuf> {
        self.certificates.as_ref().map(|certificates| certificates.authority.clone())
    }

    /// Returns the URLs of all servers, also of those that do not run.
    pub fn urls(&self) -> Vec<String> {
        self.members().iter().map(|member| self.url_of(member)).collect()
    }

    /// Returns the URL of a node.
    pub fn url(&self, node: &Node) -> String {
        self.url_of(&self.member(node))
    }

    fn url_of(&self, member: &Member) -> String {
        let password = self.options.password.as_ref();
        let user = password.map(|password| format!(":{password}@")).unwrap_or_default();
        match member.tls {
            Some(port) => format!("rediss://{user}127.0.0.1:{port}/"),
            None => format!("redis://{user}127.0.0.1:{}/", member.server.port()),
        }
    }

    /// Returns the nodes with slots or without a primary, as the other nodes see them. Omits nodes
    /// that have failed.
    pub fn primaries(&self) -> Vec<Node> {
        self.nodes().into_iter().filter(|node| node.primary.is_none()).collect()
    }

    /// Returns the replicas. Omits nodes that have failed.
    pub fn replicas(&self) -> Vec<Node> {
        self.nodes().into_iter().filter(|node| node.primary.is_some()).collect()
    }

    /// Returns the replica of a primary.
    #[track_caller]
    pub fn replica_of(&self, primary: &Node) -> Node {
        let mut replicas = self.replicas().into_iter();
        let of = |node: &Node| node.primary.as_ref() == Some(&primary.id);
        replicas.find(of).expect("a replica of this primary")
    }

    /// Returns the primary that owns a slot.
    #[track_caller]
    pub fn owner(&self, slot: u16) -> Node {
        let mut primaries = self.primaries().into_iter();
        primaries.find(|node| node.owns(slot)).expect("an owner of this slot")
    }

    /// Returns the reply of a node to a command, in the format of `redis-cli`. It is empty if the
    /// node does not reply.
    pub fn command(&self, node: &Node, command: &[&str]) -> String {
        self.member(node).server.command(command)
    }

    /// Kills a node, as in a crash.
    pub fn kill(&self, node: &Node) {
        self.member(node).server.kill();
    }

    /// Starts a killed node with its old data. It does not wait for the cluster.
    pub fn restart(&self, node: &Node) {
        let member = self.member(node);
        member.server.spawn(&[]);
        member.server.wait_until_started();
    }

    /// Suspends a node. Its connections stay open, as if its network were cut.
    pub fn stop(&self, node: &Node) {
        self.member(node).server.suspend(true);
    }

    /// Resumes a suspended node.
    pub fn cont(&self, node: &Node) {
        self.member(node).server.suspend(false);
    }

    /// Cuts the replication to a replica, which stays in the cluster and can be promoted.
    pub fn hold_replication(&self, replica: &Node) {
        let primary = replica.primary.as_ref().expect("a replica");
        let nodes = self.nodes();
        let primary = nodes.iter().find(|node| node.id == *primary).expect("its primary");
        self.set_primary_password(replica, "not-the-password");
        let killed = self.command(primary, &["CLIENT", "KILL", "TYPE", "replica"]);
        assert_ne!(killed, "0", "the replica was not connected");
        self.member(replica).server.wait_for("master_link_status:down", &["INFO", "replication"]);
    }

    /// Continues the replication after [`Self::hold_replication`].
    pub fn continue_replication(&self, replica: &Node) {
        self.set_primary_password(replica, self.options.password.as_deref().unwrap_or_default());
    }

    fn set_primary_password(&self, replica: &Node, password: &str) {
        ok(&self.member(replica).server, &["CONFIG", "SET", "masterauth", password]);
    }

    /// Waits until all running nodes agree on the roles and slots, and all replicas are connected
    /// to their primaries.
    #[track_caller]
    pub fn wait_until_ok(&self) {
        let agree = || {
            let views: Vec<_> = self.responding().iter().map(|member| view(member)).collect();
            let Some(Some(first)) = views.first() else { return false };
            let agree = views.iter().all(|view| view.as_ref() == Some(first));
            let slots: usize = first.iter().map(Node::slot_count).sum();
            // All replicas have confirmed each byte.
            agree && slots == 16_384 && self.responding().iter().all(|member| is_ok(member))
        };
        wait_or_panic("the agreement of all nodes", agree, || self.describe());
    }

    /// Returns the states and the views of all running nodes, for the message of a failed test.
    fn describe(&self) -> String {
        let commands: [&[&str]; 3] =
            [&["CLUSTER", "INFO"], &["CLUSTER", "NODES"], &["INFO", "replication"]];
        let of = |member: &Arc<Member>| {
            let replies = commands.map(|command| member.server.command(command));
            format!("port {}:\n{}\n", member.server.port(), replies.join("\n"))
        };
        self.responding().iter().map(of).collect()
    }

    /// Waits until another node owns the slots of this primary. Returns the other node, which may
    /// reject requests until [`Self::wait_until_ok`]. `old` is from before the failure.
    #[track_caller]
    pub fn wait_for_promotion(&self, old: &Node) -> Node {
        let slot = *old.slots.first().expect("a primary with slots").start();
        let mut new = None;
        wait_until("the promotion of a replica", || {
            new = self.nodes().into_iter().find(|node| node.owns(slot) && node.id != old.id);
            new.is_some()
        });
        new.expect("a promoted node")
    }

    /// Moves slots with their keys to another primary.
    #[track_caller]
    pub fn migrate_slots(&self, from: &Node, to: &Node, slots: RangeInclusive<u16>) {
        self.start_migration(from, to, slots).finish();
    }

    /// Starts to move slots to another primary. No key is moved until [`Migration::move_keys`] or
    /// [`Migration::finish`].
    #[track_caller]
    pub fn start_migration(
        &self,
        from: &Node,
        to: &Node,
        slots: RangeInclusive<u16>,
    ) -> Migration<'_> {
        Migration::start(self, from, to, slots)
    }

    fn members(&self) -> Vec<Arc<Member>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn responding(&self) -> Vec<Arc<Member>> {
        self.members().into_iter().filter(|member| member.server.responds()).collect()
    }

    #[track_caller]
    fn member(&self, node: &Node) -> Arc<Member> {
        let mut members = self.members().into_iter();
        members.find(|member| member.server.port() == node.port).expect("a node of this cluster")
    }

    /// Returns the nodes that have not failed, in the view of the node with the highest epoch.
    fn nodes(&self) -> Vec<Node> {
        let mut views: Vec<_> =
            self.responding().iter().filter_map(|member| view(member)).collect();
        views.sort_by_key(|nodes| nodes.iter().map(|node| node.epoch).max());
        views.pop().unwrap_or_default()
    }

    /// Waits until each running node knows each other one.
    #[track_caller]
    fn wait_until_met(&self) {
        wait_until("the meeting of all nodes", || {
            let members = self.responding();
            members.iter().all(|member| view(member).is_some_and(|all| all.len() == members.len()))
        });
    }
}

/// Returns the nodes that have not failed, as this node sees them. Returns `None` if a node is not
/// yet met.
fn view(member: &Member) -> Option<Vec<Node>> {
    let reply = member.server.command(&["CLUSTER", "NODES"]);
    let mut nodes = Node::parse_all(&reply)?;
    nodes.sort_by_key(|node| node.port);
    Some(nodes)
}

/// Returns whether the node accepts requests, and is connected to its primary if it is a replica.
fn is_ok(member: &Member) -> bool {
    let replication = member.server.command(&["INFO", "replication"]);
    member.server.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        && (replication.contains("role:master") || replication.contains("master_link_status:up"))
}

#[track_caller]
fn meet(new: &Member, known: &Member) {
    let (port, bus) = (known.internal_port().to_string(), known.bus.to_string());
    ok(&new.server, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
}

#[track_caller]
fn ok(server: &RedisServer, command: &[&str]) {
    assert_eq!(server.command(command), "OK", "{command:?}");
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        self.members().iter().for_each(|member| member.server.kill());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

use std::sync::{Arc, PoisonError};

use crate::redis_server::wait_until;

use super::{Node, RedisCluster, meet, ok};

impl RedisCluster {
    /// Promotes a replica while its primary runs. Its primary becomes its replica.
    #[track_caller]
    pub fn fail_over(&self, replica: &Node) {
        ok(&self.member(replica).server, &["CLUSTER", "FAILOVER"]);
        wait_until("the failover", || {
            let primaries = self.primaries();
            primaries.iter().any(|node| node.id == replica.id && !node.slots.is_empty())
        });
        self.wait_until_ok();
    }

    /// Starts a server and adds it to the cluster as a primary without slots.
    #[track_caller]
    pub fn add_primary(&self) -> Node {
        let member = self.spawn_server();
        member.server.wait_until_started();
        let known = self.responding().into_iter().find(|other| !Arc::ptr_eq(other, &member));
        meet(&member, &known.expect("a running node"));
        self.wait_until_met();
        // The new node first takes all others for primaries.
        self.wait_until_ok();
        let id = member.server.command(&["CLUSTER", "MYID"]);
        self.nodes().into_iter().find(|node| node.id == id).expect("the new node")
    }

    /// Starts a server and adds it to the cluster as a replica of this primary.
    #[track_caller]
    pub fn add_replica(&self, primary: &Node) -> Node {
        let node = self.add_primary();
        ok(&self.member(&node).server, &["CLUSTER", "REPLICATE", &primary.id]);
        self.wait_until_ok();
        self.nodes().into_iter().find(|other| other.id == node.id).expect("the new node")
    }

    /// Removes a node from the cluster. Moves the slots of a primary to another primary, which also
    /// gets its replicas. Then kills the node.
    #[track_caller]
    pub fn remove(&self, node: &Node) {
        let node = self.nodes().into_iter().find(|other| other.id == node.id).expect("a node");
        if let Some(heir) = self.primaries().into_iter().find(|other| other.id != node.id) {
            for slots in &node.slots {
                self.migrate_slots(&node, &heir, slots.clone());
            }
            // A node that forgets the owner of a slot loses the slot.
            self.wait_until_ok();
            for replica in self.replicas() {
                if replica.primary.as_ref() == Some(&node.id) {
                    ok(&self.member(&replica).server, &["CLUSTER", "REPLICATE", &heir.id]);
                }
            }
        }
        let removed = self.member(&node);
        let others: Vec<_> =
            self.responding().into_iter().filter(|other| !Arc::ptr_eq(other, &removed)).collect();
        wait_until("the removal of a node", || {
            others.iter().all(|other| {
                let reply = other.server.command(&["CLUSTER", "FORGET", &node.id]);
                reply == "OK" || reply.contains("Unknown node")
            })
        });
        removed.server.kill();
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|other| !Arc::ptr_eq(other, &removed));
        drop(servers);
        self.wait_until_ok();
    }
}

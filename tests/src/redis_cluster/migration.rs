use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::resp::Resp;

use super::{Member, Node, RedisCluster};

/// The number of keys in one `MIGRATE`, and of slots in one request.
const BATCH: usize = 256;
/// The time limit of one `MIGRATE`, in milliseconds.
const LIMIT: &str = "5000";

/// Slots that are being moved. Meanwhile the old owner responds `ASK` for keys that it does not
/// have.
#[derive(Debug)]
#[must_use = "call `.finish()` to move the slots"]
pub struct Migration<'c> {
    cluster: &'c RedisCluster,
    from: Arc<Member>,
    to: Arc<Member>,
    to_id: String,
    slots: RangeInclusive<u16>,
}

impl<'c> Migration<'c> {
    #[track_caller]
    pub(super) fn start(
        cluster: &'c RedisCluster,
        from: &Node,
        to: &Node,
        slots: RangeInclusive<u16>,
    ) -> Self {
        let (from_member, to_member) = (cluster.member(from), cluster.member(to));
        let migration =
            Self { cluster, from: from_member, to: to_member, to_id: to.id.clone(), slots };
        migration.set_slots(&migration.to, &["IMPORTING", &from.id]);
        migration.set_slots(&migration.from, &["MIGRATING", &to.id]);
        migration
    }

    /// Moves the keys of every `nth` slot, so that some requests are answered by each node.
    #[track_caller]
    pub fn move_keys(&self, nth: usize) {
        let mut from = connect(&self.from);
        let slots: Vec<_> = self.slots.clone().step_by(nth).collect();
        let (port, limit) = (self.to.internal_port().to_string(), BATCH.to_string());
        let password = self.cluster.options.password.as_deref();
        let auth: &[_] = if let Some(password) = password { &["AUTH", password] } else { &[] };
        for slots in slots.chunks(BATCH) {
            let ask = |slot: &u16| {
                ["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), &limit].map(str::to_owned)
            };
            let ask: Vec<_> = slots.iter().map(ask).collect();
            loop {
                let replies = from.send_all(&ask).expect("the keys of the slots");
                if replies.iter().all(String::is_empty) {
                    break;
                }
                // One request has the keys of one slot.
                for keys in replies.iter().filter(|keys| !keys.is_empty()) {
                    let target = ["MIGRATE", "127.0.0.1", &port, "", "0", LIMIT];
                    let keys: Vec<_> = keys.lines().collect();
                    let command = [&target, auth, &["KEYS"], &keys].concat();
                    let reply = from.send(&command).expect("a reply to MIGRATE");
                    // A key may have expired meanwhile.
                    assert!(["OK", "NOKEY"].contains(&&*reply), "{reply}");
                }
            }
        }
    }

    /// Moves all keys, then the slots.
    #[track_caller]
    pub fn finish(self) {
        self.move_keys(1);
        // The new owner first: otherwise, for a moment no node owns the slot.
        self.set_slots(&self.to, &["NODE", &self.to_id]);
        self.set_slots(&self.from, &["NODE", &self.to_id]);
        let (to, from) = (self.to.server.port(), self.from.server.port());
        for primary in self.cluster.primaries() {
            if primary.port != to && primary.port != from {
                self.set_slots(&self.cluster.member(&primary), &["NODE", &self.to_id]);
            }
        }
    }

    #[track_caller]
    fn set_slots(&self, member: &Member, words: &[&str]) {
        let mut to = connect(member);
        let command = |slot: u16| {
            let slot = slot.to_string();
            [&["CLUSTER", "SETSLOT", &slot], words]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        let commands: Vec<Vec<String>> = self.slots.clone().map(command).collect();
        for commands in commands.chunks(BATCH) {
            let replies = to.send_all(commands).expect("the replies to SETSLOT");
            // A primary that loses its last slot becomes a replica by itself.
            let is_ok = |reply: &String| reply == "OK" || reply.contains("only with masters");
            let failure = replies.iter().find(|reply| !is_ok(reply));
            assert_eq!(failure, None, "{words:?}");
        }
    }
}

#[track_caller]
fn connect(member: &Member) -> Resp {
    member.server.connect().expect("a running node")
}

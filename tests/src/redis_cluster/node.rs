use std::ops::RangeInclusive;

/// A node of a cluster at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The ID of the node in the cluster.
    pub id: String,
    /// The port without TLS. The node keeps it over restarts.
    pub port: u16,
    /// The ID of the primary, if the node is a replica.
    pub primary: Option<String>,
    /// The slots that the node owns.
    pub slots: Vec<RangeInclusive<u16>>,
    pub(super) epoch: u64,
}

impl Node {
    /// Returns whether the node owns a slot.
    pub fn owns(&self, slot: u16) -> bool {
        self.slots.iter().any(|slots| slots.contains(&slot))
    }

    pub(super) fn slot_count(&self) -> usize {
        self.slots.iter().map(ExactSizeIterator::len).sum()
    }

    /// Parses the reply to `CLUSTER NODES`. Omits nodes that have failed. Returns `None` if a node
    /// is not yet met.
    pub(super) fn parse_all(reply: &str) -> Option<Vec<Self>> {
        let lines =
            reply.lines().filter(|line| !has_flag(line, "fail") && !has_flag(line, "noaddr"));
        lines.map(Self::parse).collect()
    }

    /// Parses `<id> <host>:<port>@<bus> <flags> <primary> <ping> <pong> <epoch> <link> <slots>…`.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, address, _, primary, _, _, epoch, _, slots @ ..] = words.as_slice() else {
            return None;
        };
        if has_flag(line, "handshake") {
            return None;
        }
        // A word in brackets is a slot that is being moved.
        let slots = slots.iter().filter(|slots| !slots.starts_with('['));
        let range = |slots: &&str| -> Option<RangeInclusive<u16>> {
            let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        Some(Self {
            id: (*id).to_owned(),
            port: address.split(['@', ':']).nth(1)?.parse().ok()?,
            primary: (*primary != "-").then(|| (*primary).to_owned()),
            slots: slots.map(range).collect::<Option<_>>()?,
            epoch: epoch.parse().ok()?,
        })
    }
}

fn has_flag(line: &str, flag: &str) -> bool {
    line.split(' ').nth(2).is_some_and(|flags| flags.split(',').any(|word| word == flag))
}

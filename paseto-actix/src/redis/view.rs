use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use redis::{ErrorKind, RedisError, RedisResult};

use super::cluster::{Address, MAX_SERVERS};
use super::request::SLOTS;

/// The slots of a primary.
pub(super) type Slots = Vec<RangeInclusive<u16>>;

/// The primaries of a cluster by their IDs, as one of its servers lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View(pub(super) BTreeMap<String, Primary>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Primary {
    pub(super) address: Address,
    pub(super) slots: Slots,
}

impl View {
    /// Returns whether the primaries and their slots are the same. Servers can list different
    /// addresses of one server.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let slots = |(id, primary): (&String, &Primary)| (id.clone(), primary.slots.clone());
        self.0.iter().map(slots).eq(other.0.iter().map(slots))
    }
}

/// Returns the slots of a server that is not part of a cluster.
pub(super) fn all_slots() -> Slots {
    vec![0..=SLOTS - 1]
}

/// Parses the reply of [`CLUSTER NODES`](https://redis.io/docs/latest/commands/cluster-nodes/).
/// Returns the ID of the server that replied, and its view. `asked` is the host of this server.
///
/// A primary without slots is part of the view, because a slot can be migrated to it. A failed
/// primary without slots is not. A reply with more slots than a cluster has, or with more than 1,024
/// servers, is rejected.
pub(super) fn parse_view(text: &str, asked: &str, has_tls: bool) -> RedisResult<(String, View)> {
    if text.lines().nth(MAX_SERVERS).is_some() {
        return Err(invalid_view());
    }
    let (mut myself, mut primaries, mut count) = (None, BTreeMap::new(), 0);
    for line in text.lines() {
        let mut fields = line.split(' ');
        let mut next = || fields.next().ok_or_else(invalid_view);
        let (id, address, flags) = (next()?, next()?, next()?);
        let has = |flag| flags.split(',').any(|found| found == flag);
        if has("myself") {
            myself = Some(id.to_owned());
        }
        if !has("master") || has("handshake") {
            continue;
        }
        // The ID of the primary, the times of pings, the epoch and the state of the link.
        let slots = fields.skip(5).filter(|slot| !slot.starts_with('['));
        let slots = slots.map(parse_slots).collect::<RedisResult<Slots>>()?;
        count += slots.iter().map(ExactSizeIterator::len).sum::<usize>();
        if count > usize::from(SLOTS) {
            return Err(invalid_view());
        }
        if !slots.is_empty() || !has("fail") && !has("noaddr") {
            let address = parse_address(address, asked, has_tls)?;
            primaries.insert(id.to_owned(), Primary { address, slots });
        }
    }
    Ok((myself.ok_or_else(invalid_view)?, View(primaries)))
}

/// Parses `ip:port@bus`, or `ip:port@bus,hostname`. TLS checks the name of the host.
fn parse_address(text: &str, asked: &str, has_tls: bool) -> RedisResult<Address> {
    let mut parts = text.split(',');
    let address = parts.next().unwrap_or_default();
    let name = parts.next().filter(|name| has_tls && !name.is_empty() && *name != "?");
    let address = address.split('@').next().unwrap_or_default();
    let (ip, port) = address.rsplit_once(':').ok_or_else(invalid_view)?;
    let host = name.or(Some(ip).filter(|ip| !ip.is_empty())).unwrap_or(asked);
    Ok((host.to_owned(), port.parse().map_err(|_| invalid_view())?))
}

fn parse_slots(text: &str) -> RedisResult<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let parse = |slot: &str| slot.parse().ok().filter(|slot| *slot < SLOTS);
    match (parse(first), parse(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(invalid_view()),
    }
}

fn invalid_view() -> RedisError {
    (ErrorKind::Client, "invalid reply to CLUSTER NODES").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(host: &str, port: u16, slots: &[RangeInclusive<u16>]) -> Primary {
        Primary { address: (host.to_owned(), port), slots: slots.to_vec() }
    }

    #[test]
    fn primaries_and_their_slots_are_parsed() {
        let text = "\
a1 10.0.0.1:7000@17000 myself,master - 0 1426238317239 4 connected 0-5460 7000 [93->-b2]
b2 10.0.0.2:7001@17001,two.example master - 0 1426238316232 2 connected 5461-6999
c3 10.0.0.3:7002@17002 slave a1 0 1426238318243 3 connected
d4 :7003@17003 master - 0 1426238318243 3 connected
e5 10.0.0.5:7004@17004 master,fail - 1426238318243 0 3 disconnected
f6 10.0.0.6:7005@17005 master,fail - 1426238318243 0 3 disconnected 7001-16383
g7 10.0.0.7:7006@17006 handshake,master - 0 0 0 connected
h8 10.0.0.8:7007@17007 master,fail? - 0 0 0 connected
i9 :0@0 master,noaddr - 0 0 0 disconnected
";
        let expected = |name| {
            [
                ("a1", primary("10.0.0.1", 7000, &[0..=5460, 7000..=7000])),
                ("b2", primary(name, 7001, &[5461..=6999])),
                ("d4", primary("asked", 7003, &[])),
                ("f6", primary("10.0.0.6", 7005, &[7001..=16383])),
                ("h8", primary("10.0.0.8", 7007, &[])),
            ]
            .map(|(id, primary)| (id.to_owned(), primary))
            .into()
        };
        for (has_tls, name) in [(false, "10.0.0.2"), (true, "two.example")] {
            let (myself, view) = parse_view(text, "asked", has_tls).unwrap();
            assert_eq!((&*myself, view.0), ("a1", expected(name)));
        }
    }

    #[test]
    fn invalid_view_is_an_error() {
        for text in [
            "",
            "a1 10.0.0.1:7000@17000",
            "a1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-5",
            "a1 10.0.0.1 myself,master - 0 0 1 connected 0-5",
            "a1 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-16384",
            "a1 10.0.0.1:7000@17000 myself,master - 0 0 1 connected x",
            "a1 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 5-4",
            "a1 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-16383 7",
        ] {
            assert!(parse_view(text, "asked", false).is_err(), "{text}");
        }
    }

    #[test]
    fn view_with_more_slots_or_servers_than_a_cluster_has_is_rejected() {
        let view = |servers: usize, slots: &str| {
            let line = |number| {
                let (flags, slots) =
                    if number < 2 { ("myself,master", slots) } else { ("slave", "") };
                format!("a{number} 10.0.0.1:7000@17000 {flags} - 0 0 1 connected {slots}")
                    .trim()
                    .to_owned()
            };
            let lines: Vec<String> = (0..servers).map(line).collect();
            parse_view(&lines.join("\n"), "asked", false)
        };
        assert!(view(1, "0-16383").is_ok() && view(2, "0-16383").is_err());
        assert!(view(MAX_SERVERS, "0").is_ok() && view(MAX_SERVERS + 1, "0").is_err());
    }
}

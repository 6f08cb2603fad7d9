//! The reply of [`CLUSTER SLOTS`](https://redis.io/docs/latest/commands/cluster-slots/).

use std::collections::HashSet;

use redis::{ErrorKind, RedisError, RedisResult, Value};

use super::super::request::SLOTS;
use super::{Address, MAX_SERVERS};

/// The servers of a range of slots.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) servers: Vec<Address>,
}

/// Parses the reply of `CLUSTER SLOTS`. `host` is the host of the server that replied.
///
/// Each slot of each range is stored in a table, so a reply with more slots than a cluster has is
/// rejected. A reply with more than 1,024 servers is rejected too.
pub(super) fn parse(reply: Value, host: &str) -> RedisResult<Vec<Range>> {
    let entries: Vec<Vec<Value>> = redis::from_redis_value(reply)?;
    let (mut ranges, mut slots, mut servers) = (Vec::new(), 0, HashSet::new());
    for entry in entries {
        let range = parse_range(entry, host).ok_or_else(invalid_table)?;
        slots += usize::from(range.last - range.first) + 1;
        servers.extend(range.servers.iter().cloned());
        if slots > usize::from(SLOTS) || servers.len() > MAX_SERVERS {
            return Err(invalid_table());
        }
        ranges.push(range);
    }
    Ok(ranges)
}

fn parse_range(entry: Vec<Value>, host: &str) -> Option<Range> {
    let mut values = entry.into_iter();
    let mut number = || parse_number(values.next()?);
    let (first, last) = (number()?, number()?);
    let servers = values.map(|server| address(server, host)).collect::<Option<Vec<_>>>()?;
    let is_valid = first <= last && last < SLOTS && !servers.is_empty();
    is_valid.then_some(Range { first, last, servers })
}

/// Parses a slot or a port. The `redis` crate would truncate larger numbers.
fn parse_number(value: Value) -> Option<u16> {
    redis::from_redis_value::<i64>(value).ok()?.try_into().ok()
}

/// Parses a server. If the server does not know its host, it is the host that was asked.
fn address(server: Value, asked: &str) -> Option<Address> {
    let parts: Vec<Value> = redis::from_redis_value(server).ok()?;
    let mut parts = parts.into_iter();
    let host: Option<String> = redis::from_redis_value(parts.next()?).ok()?;
    let port = parse_number(parts.next()?)?;
    let host = host.filter(|host| !host.is_empty() && host != "?");
    Some((host.unwrap_or_else(|| asked.to_owned()), port))
}

pub(super) fn invalid_table() -> RedisError {
    (ErrorKind::Client, "invalid reply to CLUSTER SLOTS").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, ports: impl IntoIterator<Item = u16>) -> Value {
        let server = |port: u16| {
            Value::Array(vec![Value::BulkString(b"10.0.0.1".to_vec()), Value::Int(port.into())])
        };
        let numbers = [Value::Int(first), Value::Int(last)];
        Value::Array(numbers.into_iter().chain(ports.into_iter().map(server)).collect())
    }

    fn slots_of(ranges: Vec<Value>) -> Option<usize> {
        let ranges = parse(Value::Array(ranges), "asked").ok()?;
        Some(ranges.iter().map(|range| usize::from(range.last - range.first) + 1).sum())
    }

    #[test]
    fn table_with_more_slots_than_a_cluster_has_is_rejected() {
        assert_eq!(slots_of(vec![range(0, 8191, [1]), range(8192, 16_383, [2])]), Some(16_384));
        assert_eq!(
            slots_of((0..16_384).map(|slot| range(slot, slot, [1])).collect()),
            Some(16_384)
        );
        assert_eq!(slots_of(vec![range(0, 16_383, [1]), range(7, 7, [1])]), None);
        for (first, last) in [(0, 16_384), (5, 4), (-1, 4), (0, 65_536)] {
            assert_eq!(slots_of(vec![range(first, last, [1])]), None, "{first}-{last}");
        }
    }

    #[test]
    fn table_with_more_than_1024_servers_is_rejected() {
        assert_eq!(slots_of(vec![range(0, 0, 1..=1024), range(1, 1, 1..=1024)]), Some(2));
        assert_eq!(slots_of(vec![range(0, 0, 1..=1024), range(1, 1, [1025])]), None);
        assert_eq!(slots_of(vec![range(0, 0, [])]), None);
    }
}

//! Failures of a Redis server.

use paseto_actix_tests::redis::Redis;

/// A failure that a test can start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Killed,
    Hung,
    ReadOnly,
    Full,
    Restarted,
}

impl Failure {
    pub(super) const ALL: [Self; 5] =
        [Self::Killed, Self::Hung, Self::ReadOnly, Self::Full, Self::Restarted];

    /// Returns whether the server responds to no command during the failure.
    pub(super) fn is_silent(self) -> bool {
        matches!(self, Self::Killed | Self::Hung)
    }

    pub(super) fn begin(self, redis: &mut Redis) {
        match self {
            Self::Killed => redis.kill(),
            Self::Hung => redis.hang(true),
            Self::ReadOnly => assert_eq!(redis.command(&["REPLICAOF", "127.0.0.1", "1"]), "OK"),
            Self::Full => assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK"),
            Self::Restarted => redis.restart(&[]),
        }
    }

    pub(super) fn end(self, redis: &mut Redis) {
        match self {
            Self::Killed => redis.restart(&[]),
            Self::Hung => redis.hang(false),
            Self::ReadOnly => assert_eq!(redis.command(&["REPLICAOF", "NO", "ONE"]), "OK"),
            Self::Full => assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK"),
            Self::Restarted => (),
        }
    }
}

use std::sync::LazyLock;

use redis::{Cmd, Pipeline, ToRedisArgs};

/// A command or a script that uses one key.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    name: Name<'a>,
    key: String,
    arguments: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Name<'a> {
    Command(&'static str),
    Script(&'a Script),
}

/// A Lua script.
pub(crate) struct Script {
    code: Code,
    replicated: Code,
}

/// The code of a script. A request contains the hash, and the text only if the server does not have
/// the script.
struct Code {
    text: String,
    hash: String,
}

/// How many replicas must confirm a write, and within which time.
pub(super) struct Replication {
    pub(super) replicas: usize,
    pub(super) milliseconds: u64,
}

/// The start of a script before `WAIT`. It always writes.
///
/// From Redis 7.2 on, and in Valkey, `WAIT` waits for the last request of its connection that wrote.
/// A repeated request can be without effect, and `WAIT` after it would not wait. Redis 7.0 waits for
/// the whole replication stream. The write is in the script, because a slot that is being migrated
/// does not accept another key.
const WRITE: &str = r"
do
    local ends = redis.call('PEXPIRETIME', KEYS[1])
    if ends >= 0 then
        redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ends))
    elseif ends == -2 then
        redis.call('SET', KEYS[1], '', 'PX', 1000)
        redis.call('DEL', KEYS[1])
    else
        return redis.error_reply('ERR expected a record that expires')
    end
end
";

/// Runs a command in a script, so that [`WRITE`] precedes it.
static COMMAND: LazyLock<Script> = LazyLock::new(|| {
    Script::new("return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))".to_owned())
});

impl Code {
    fn new(text: String) -> Self {
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }
}

impl Script {
    pub(crate) fn new(code: String) -> Self {
        Self { replicated: Code::new(format!("{WRITE}{code}")), code: Code::new(code) }
    }

    /// Returns a request that runs the script with this key.
    pub(crate) fn on(&self, key: String) -> Request<'_> {
        Request { name: Name::Script(self), key, arguments: Vec::new() }
    }
}

impl Request<'_> {
    /// Returns a request that runs a command whose first argument is this key.
    pub(crate) fn command(name: &'static str, key: String) -> Self {
        Self { name: Name::Command(name), key, arguments: Vec::new() }
    }

    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Encodes the request. `with_text` sends the text of a script in place of its hash.
    fn encode(&self, with_text: bool, is_replicated: bool) -> Cmd {
        let script = |script: &Script| {
            let code = if is_replicated { &script.replicated } else { &script.code };
            let (name, code) =
                if with_text { ("EVAL", &code.text) } else { ("EVALSHA", &code.hash) };
            let mut command = redis::cmd(name);
            command.arg(code).arg(1).arg(&self.key);
            command
        };
        let mut command = match self.name {
            Name::Script(of_request) => script(of_request),
            Name::Command(name) if is_replicated => {
                let mut command = script(&COMMAND);
                command.arg(name);
                command
            }
            Name::Command(name) => {
                let mut command = redis::cmd(name);
                command.arg(&self.key);
                command
            }
        };
        for argument in &self.arguments {
            command.arg(argument);
        }
        command
    }
}

/// Encodes requests to one server. `asking` permits them on the target of a slot migration.
///
/// All commands are in one pipeline, so no other request comes between `ASKING` and its command.
pub(super) fn encode(
    requests: &[Request<'_>],
    with_text: bool,
    asking: bool,
    replication: Option<&Replication>,
) -> Pipeline {
    let mut pipeline = redis::pipe();
    for request in requests {
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(request.encode(with_text, replication.is_some()));
    }
    if let Some(Replication { replicas, milliseconds }) = replication {
        pipeline.cmd("WAIT").arg(replicas).arg(milliseconds);
    }
    pipeline
}

/// The number of slots of a Redis Cluster.
pub(super) const SLOTS: u16 = 16384;

/// Returns the slot of a key, as the specification of Redis Cluster defines it.
pub(super) fn slot(key: &str) -> u16 {
    // CRC-16/XMODEM.
    let step = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    let hashed = hash_tag(key).unwrap_or(key);
    let crc = hashed.bytes().fold(0, |crc, byte| (0..8).fold(crc ^ (u16::from(byte) << 8), step));
    crc % SLOTS
}

/// Returns the part of a key between its first `{` and the next `}`, if the part is not empty.
fn hash_tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        // The replies of `CLUSTER KEYSLOT`.
        for (key, expected) in
            [("", 0), ("123456789", 12739), ("foo", 12182), ("a{foo}b", 12182), ("a{}foo", 16292)]
        {
            assert_eq!(slot(key), expected, "{key}");
        }
        assert_eq!(slot("{foo}{bar}"), slot("foo"));
    }
}

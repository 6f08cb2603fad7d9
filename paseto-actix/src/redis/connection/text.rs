use redis::{ErrorKind, RedisError};

/// The maximum length of the text of an error. A server chooses the text.
const MAX_ERROR_CHARS: usize = 200;

/// Returns the text of an error without the arguments of a command and without the values of a
/// reply, cut at 200 characters.
///
/// A server repeats the arguments of an unknown command, and the arguments of `HELLO` contain the
/// password. The error of the `redis` crate for an unexpected type contains the whole reply.
pub(crate) fn without_arguments(error: &RedisError) -> String {
    if matches!(error.kind(), ErrorKind::Parse | ErrorKind::UnexpectedReturnType) {
        return "unexpected reply".to_owned();
    }
    let text = error.to_string();
    let text = text.split(", with args").next().unwrap_or_default();
    text.chars().take(MAX_ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    #[test]
    fn error_of_an_unexpected_reply_does_not_contain_the_reply() {
        let reply = Value::Array(vec![Value::BulkString(b"a private label".to_vec())]);
        let error = redis::from_redis_value::<u64>(reply).unwrap_err();
        assert!(error.to_string().contains("a private label"), "{error}");
        assert_eq!(without_arguments(&error.into()), "unexpected reply");
    }

    #[test]
    fn text_of_a_server_is_cut_at_200_characters_and_before_arguments() {
        let text = |detail: String| without_arguments(&(ErrorKind::Io, "failed", detail).into());
        assert_eq!(text("x".to_owned()), "failed - Io: x");
        assert_eq!(text("x, with args beginning with: 'secret'".to_owned()), "failed - Io: x");
        assert_eq!(text("\u{e9}".repeat(1000)).chars().count(), 200);
    }
}

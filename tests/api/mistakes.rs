//! Common mistakes of new users, and the exact error text or log line of each mistake.
//!
//! Each text names the cause and the action, so that the user does not need the documentation. The
//! package `tests/ui` tests the compiler's messages about handlers.

mod builders;
mod claims;
mod keys;
#[cfg(feature = "remember")]
mod logins;
mod requests;
mod wrapping;

/// Generates one test for each row. A row has the mistake, and the text of the error or of the log.
macro_rules! mistakes {
    ($($name:ident: $text:expr => $expected:expr;)*) => {$(
        #[actix_web::test]
        async fn $name() {
            assert_eq!($text.to_string(), $expected);
        }
    )*};
}
use mistakes;

use actix_web::test::TestRequest;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix_tests::app::send;
use paseto_actix_tests::logs::Logs;

/// Sends a request that the verifier rejects. Returns the level and the reason of the log line.
async fn log_of(builder: VerifierBuilder, request: TestRequest) -> String {
    let verifier = builder.build().unwrap();
    let logs = Logs::capture();
    send(&verifier, request).await;
    reason(&logs)
}

/// Returns the level and the reason of the only log line, without the code path and the key ID.
fn reason(logs: &Logs) -> String {
    let lines = logs.lines();
    let mut lines = lines.iter().filter(|line| !line.starts_with("TRACE"));
    let line = lines.next().expect("the log has a line");
    assert_eq!(lines.next(), None, "the log has exactly one line");
    let (level, rest) = line.split_once(' ').expect("the line has a level");
    let text = rest
        .split_once("reason=")
        .or_else(|| rest.split_once("message="))
        .expect("the line has a message")
        .1;
    let end = [" kid=", " issuer=", " method="].iter().filter_map(|field| text.find(field)).min();
    format!("{level} {}", &text[..end.unwrap_or(text.len())])
}

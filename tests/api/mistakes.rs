//! Mistakes of people who are new to the crate, and the exact text that each of them causes.
//!
//! Each text names the cause and what to do, so that a reader can act without the documentation.
//! The compiler's texts about handlers are in `tests/ui`.

mod builders;
mod claims;
mod keys;
#[cfg(feature = "remember")]
mod logins;
mod requests;
mod wrapping;

/// One test for each row: the mistake, and the text of the error or of the log.
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

/// The level and the reason in the log of a rejected request.
async fn log_of(builder: VerifierBuilder, request: TestRequest) -> String {
    let verifier = builder.build().unwrap();
    let logs = Logs::capture();
    send(&verifier, request).await;
    reason(&logs)
}

/// The level and the reason in the log, without the names of code and of the key.
fn reason(logs: &Logs) -> String {
    let lines = logs.lines();
    let mut lines = lines.iter().filter(|line| !line.starts_with("TRACE"));
    let line = lines.next().expect("a line in the log");
    assert_eq!(lines.next(), None, "one line");
    let (level, rest) = line.split_once(' ').expect("a level");
    let text =
        rest.split_once("reason=").or_else(|| rest.split_once("message=")).expect("a message").1;
    let end = [" kid=", " issuer=", " method="].iter().filter_map(|field| text.find(field)).min();
    format!("{level} {}", &text[..end.unwrap_or(text.len())])
}

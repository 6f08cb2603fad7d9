//! The OpenAPI document of the example `noticeboard`, in a validator and in a client that generates
//! requests from the document.

use std::collections::BTreeMap;

use paseto_actix::keys::KeySchedule;
use paseto_actix::testing::TestIssuer;
use paseto_actix_tests::process::Process;
use paseto_actix_tests::python;
use serde_json::json;

use crate::config_keys::TestFile;

/// The name and the audience of the tokens of the example.
const ISSUER: &str = "https://noticeboard.example";

/// The number of responses with each status code, for each operation and each client.
type Report = BTreeMap<String, BTreeMap<String, BTreeMap<u16, u32>>>;

#[test]
fn generated_requests_get_the_documented_responses() {
    let Some(mut client) = python::start("api_client.py") else { return };
    let auth = TestIssuer::new(ISSUER).audience(ISSUER);
    let keys = TestFile::new(KeySchedule::new(auth.secret_key().clone()).to_json().as_str());
    let mut server = Process::example_with("noticeboard", &[("KEY_FILE", keys.path())]);
    let url = server.line_after("listening on ");

    let guest = auth.user("guest@bar.example").token();
    let admin = auth.user("admin@bar.example").scopes(["admin", "notices:write"]).token();
    let tokens = json!({ "none": null, "guest": guest, "admin": admin });
    let report = client.exchange(&json!({ "url": url, "tokens": tokens }).to_string());
    let report: Report = serde_json::from_str(&report).expect("a report");

    let of = |operation: &str, client: &str| -> Vec<u16> {
        report[operation][client].keys().copied().collect()
    };
    for (operation, guest, admin) in [
        ("GET /api/me", &[200][..], &[200][..]),
        ("GET /api/notices", &[200], &[200]),
        ("GET /api/logins", &[403], &[200]),
        ("POST /api/notices", &[403], &[201, 400]),
        ("DELETE /api/notices/{id}", &[403], &[204, 404]),
    ] {
        assert_eq!(of(operation, "none"), [401], "{operation}");
        assert_eq!(of(operation, "guest"), guest, "{operation}");
        assert_eq!(of(operation, "admin"), admin, "{operation}");
    }
    // The endpoint ignores the access token.
    for client in ["none", "guest", "admin"] {
        assert_eq!(of("POST /auth/token", client), [400], "{client}");
    }
    assert_eq!(report.len(), 6, "{report:?}");
}

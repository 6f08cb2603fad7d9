//! Each library checks the times of the other with its clock and its leeway.

use std::time::Duration;

use paseto_actix_tests::ISSUER;
use serde_json::json;
use time::OffsetDateTime;
use time::ext::NumericalDuration;
use time::format_description::well_known::Rfc3339;

use super::{KeyPair, Peer, assert_rejected, issuer, send_accepted, text, verifier};

#[actix_web::test]
async fn exp_of_the_peer_is_checked_to_the_nanosecond() {
    let Some(mut peer) = Peer::start() else { return };
    let pair = KeyPair::documentation();
    for cbor in [false, true] {
        let arguments = json!({
            "iss": ISSUER, "key": pair.secret[0], "use_kid": false, "iat": true, "exp": 1, "cbor": cbor, "claims": {},
        });
        let signed = peer.get("issue", arguments);
        let exp = OffsetDateTime::parse(text(&signed["claims"]["exp"]), &Rfc3339).unwrap();
        let at = |now: OffsetDateTime| {
            verifier(cbor, &[&pair.public[0]]).clock(move || now).build().unwrap()
        };
        send_accepted(&at(exp + 5.seconds()), text(&signed["token"])).await;
        assert_rejected(&at(exp + 5.seconds() + 1.nanoseconds()), text(&signed["token"])).await;
        // The `iat` of the token is one second before its `exp`.
        send_accepted(&at(exp - 6.seconds()), text(&signed["token"])).await;
        assert_rejected(&at(exp - 6.seconds() - 1.nanoseconds()), text(&signed["token"])).await;
    }
}

#[test]
fn peer_checks_our_exp_and_nbf() {
    let Some(mut peer) = Peer::start() else { return };
    let pair = KeyPair::documentation();
    let late = Err("VerifyError: Token expired.".to_owned());
    let early = Err("VerifyError: Token has not been activated yet.".to_owned());
    // The issue time in seconds from now, for a lifetime of ten minutes; the leeway of the peer;
    // the expected result.
    let cases = [
        (0, 0, Ok(())),
        (-540, 0, Ok(())),
        (-660, 0, late.clone()),
        (-660, 120, Ok(())),
        (-780, 120, late),
        (60, 0, early.clone()),
        (60, 120, Ok(())),
        (180, 120, early),
    ];
    for cbor in [false, true] {
        for (issued, skew, expected) in cases.clone() {
            let token = issuer(cbor, &pair.secret[1])
                .ttl(Duration::from_secs(600))
                .clock(move || OffsetDateTime::now_utc() + time::Duration::seconds(issued))
                .build()
                .unwrap()
                .issue(&json!({}))
                .unwrap();
            let arguments =
                json!({ "keys": [pair.public[1]], "cbor": cbor, "token": token, "skew": skew });
            assert_eq!(
                peer.call("verify", arguments).map(|_| ()),
                expected,
                "issued {issued} s from now, leeway {skew} s"
            );
        }
    }
}

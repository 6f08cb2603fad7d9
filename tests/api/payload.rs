//! The verifier rejects ambiguous and oversized payloads, even if a trusted key signed them.
//!
//! Two parsers can read an ambiguous payload in two ways. Then the application and another service
//! would see different users in the same token.

use std::fs;

use paseto_actix::Verifier;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix_tests::app::{assert_accepted, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::payloads::{EXP, cbor, cbor_head, cbor_text, json};
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{keys, parts};

fn verifier(format: Format) -> Verifier {
    verifier_builder(&TestClock::new()).format(format).build().unwrap()
}

/// Signs the payload with and without a key ID in the footer, because the verifier reads the
/// payload at a different point in each case.
fn signed(format: Format, payload: &[u8]) -> [String; 2] {
    let key = keys::secret();
    let footer = match format {
        Format::Cbor => [cbor_head(5, 1), cbor_text("kid"), cbor_text(key.kid())].concat(),
        _ => format!(r#"{{"kid":"{}"}}"#, key.kid()).into_bytes(),
    };
    [&*footer, b""].map(|footer| parts::sign(&key, payload, footer, b""))
}

async fn assert_payload_accepted(format: Format, payload: &[u8]) {
    for token in signed(format, payload) {
        assert_accepted(&verifier(format), &token).await;
    }
}

async fn assert_payload_rejected(format: Format, payload: &[u8]) {
    for token in signed(format, payload) {
        assert_rejected_as(&verifier(format), &token, Kind::Malformed).await;
    }
}

/// RFC 8259, section 4: names within an object should be unique.
#[actix_web::test]
async fn duplicate_json_key_in_one_map_is_rejected() {
    for (good, bad) in [
        (r#","a":1,"b":1"#, r#","a":1,"a":1"#),
        (r#","a":1,"A":2"#, r#","a":1,"\u0061":2"#),
        (r#","sub":"ada","Sub":"eve""#, r#","sub":"ada","sub":"eve""#),
        (r#","x":1"#, r#","iss":"https://issuer.example""#),
        (r#","x":1"#, r#","\u0065xp":"2026-01-01T01:00:00Z""#),
        (r#","user":{"a":1,"b":2}"#, r#","user":{"a":1,"b":2,"a":3}"#),
        (r#","users":[{"a":1},{"a":2}]"#, r#","users":[{"a":1},{"a":2,"a":2}]"#),
        (r#","a":{"a":{"a":{}}}"#, r#","a":{"a":{"a":{},"a":{}}}"#),
        (r#","":1"#, r#","":1,"":1"#),
        (r#","é":1,"e":2"#, r#","é":1,"\u00e9":2"#),
    ] {
        assert_payload_accepted(Format::Json, &json(good)).await;
        assert_payload_rejected(Format::Json, &json(bad)).await;
    }
}

#[actix_web::test]
async fn json_nested_over_16_levels_is_rejected() {
    // The payload counts as one level, and so does an empty list or map.
    for (open, inside, close) in
        [("[", "1", "]"), ("[", "[]", "]"), (r#"{"a":"#, "1", "}"), (r#"{"a":"#, "{}", "}")]
    {
        let levels = |levels: usize| {
            let open_count = levels - 1 - usize::from(inside.len() > 1);
            json(&format!(
                r#","deep":{}{inside}{}"#,
                open.repeat(open_count),
                close.repeat(open_count)
            ))
        };
        assert_payload_accepted(Format::Json, &levels(16)).await;
        for too_many in [17, 18, 64, 128, 129, 600] {
            assert_payload_rejected(Format::Json, &levels(too_many)).await;
        }
    }
    let mixed =
        |pairs| json(&format!(r#","deep":{}0{}"#, r#"[{"a":"#.repeat(pairs), "}]".repeat(pairs)));
    assert_payload_accepted(Format::Json, &mixed(7)).await;
    assert_payload_rejected(Format::Json, &mixed(8)).await;
    assert_payload_rejected(Format::Json, &json(&format!(r#","deep":{}"#, "[".repeat(3000)))).await;
}

#[actix_web::test]
async fn json_with_over_256_keys_is_rejected() {
    let flat = |keys: usize| (2..keys).map(|key| format!(r#","{key}":0"#)).collect::<String>();
    let spread = |keys: usize| {
        let maps: Vec<_> = (3..keys).map(|_| r#"{"a":0}"#).collect();
        format!(r#","all":[{}]"#, maps.join(","))
    };
    for claims in [flat(256), spread(256)] {
        assert_payload_accepted(Format::Json, &json(&claims)).await;
    }
    for claims in [flat(257), spread(257), flat(600)] {
        assert_payload_rejected(Format::Json, &json(&claims)).await;
    }
}

#[actix_web::test]
async fn payload_that_is_not_one_json_object_is_rejected() {
    let good = String::from_utf8(json("")).unwrap();
    assert_payload_accepted(Format::Json, format!(" \n{good}\t").as_bytes()).await;
    for bad in [
        format!("[{good}]"),
        serde_json::to_string(&good).unwrap(),
        "1".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        " ".to_owned(),
        format!("{good}{good}"),
        format!("{good} x"),
        format!("{good}\0"),
        format!("\u{feff}{good}"),
        format!("/**/{good}"),
        good[..good.len() - 1].to_owned(),
        good.replace('"', "'"),
        good.replace(':', "="),
    ] {
        assert_payload_rejected(Format::Json, bad.as_bytes()).await;
    }
    for (good, bad) in [
        (r#","a":1.5e3"#, r#","a":1e999"#),
        (r#","a":0"#, r#","a":01"#),
        (r#","a":-1"#, r#","a":+1"#),
        (r#","a":null"#, r#","a":NaN"#),
        (r#","a":[1]"#, r#","a":[1,]"#),
        (r#","a":"\ud83d\ude00""#, r#","a":"\ud83d""#),
        (r#","a":"\n""#, ",\"a\":\"\n\""),
        (r#","a":1"#, r#","a":1,"#),
        (r#","1":1"#, r#",1:1"#),
    ] {
        assert_payload_accepted(Format::Json, &json(good)).await;
        assert_payload_rejected(Format::Json, &json(bad)).await;
    }
    assert_payload_rejected(Format::Json, &[&json("")[..40], b"\xff", &json("")[40..]].concat())
        .await;
}

/// RFC 8949, section 5.6: a map with duplicate keys is not valid.
#[actix_web::test]
async fn duplicate_cbor_key_in_one_map_is_rejected() {
    for (good, bad) in [
        (cbor(2, b"\x61a\x01\x61b\x01"), cbor(2, b"\x61a\x01\x61a\x01")),
        (cbor(2, b"\x61a\x01\x61b\x01"), cbor(2, b"\x61a\x01\x7f\x61a\xff\x01")),
        (cbor(2, b"\x61a\x01\x61b\x01"), cbor(2, b"\x61a\x01\x78\x01a\x01")),
        (cbor(1, b"\x61a\xa2\x01\x00\x02\x00"), cbor(1, b"\x61a\xa2\x01\x00\x01\x00")),
        (cbor(1, b"\x61a\xa2\x01\x00\x20\x00"), cbor(1, b"\x61a\xa2\x01\x00\x18\x01\x00")),
        (cbor(1, b"\x61a\xa2\x01\x00\x611\x00"), cbor(1, b"\x61a\xa2\x01\x00\xc2\x41\x01\x00")),
        (cbor(1, b"\x61a\x82\xa1\x01\x00\xa1\x01\x00"), cbor(1, b"\x61a\x81\xa2\x20\x00\x20\x00")),
        (cbor(1, b"\x61a\xc1\xa1\x01\x00"), cbor(1, b"\x61a\xc1\xa2\x01\x00\x01\x00")),
        (cbor(1, b"\x61a\x01"), cbor(1, &[cbor_text("exp"), cbor_text(EXP)].concat())),
    ] {
        assert_payload_accepted(Format::Cbor, &good).await;
        assert_payload_rejected(Format::Cbor, &bad).await;
    }
}

#[actix_web::test]
async fn cbor_nested_over_16_levels_or_with_over_256_keys_is_rejected() {
    let nested = |open: &[u8], levels: usize| {
        cbor(1, &[b"\x61a", open.repeat(levels - 1).as_slice(), b"\0"].concat())
    };
    // A list, a map, a tag, and the tag 55799 with a two-byte number.
    for open in [b"\x81".as_slice(), b"\xa1\x01", b"\xc1", b"\xd9\xd9\xf7"] {
        assert_payload_accepted(Format::Cbor, &nested(open, 16)).await;
        for levels in [17, 18, 64, 65, 66, 1000] {
            assert_payload_rejected(Format::Cbor, &nested(open, levels)).await;
        }
    }
    let keys = |keys: usize| {
        cbor(keys - 2, &(2..keys).flat_map(|key| [0x19, 1, key as u8, 0]).collect::<Vec<_>>())
    };
    let text = |keys: usize| {
        cbor(
            keys - 2,
            &(2..keys)
                .flat_map(|key| cbor_text(&format!("{key}")).into_iter().chain([0]))
                .collect::<Vec<_>>(),
        )
    };
    assert_payload_accepted(Format::Cbor, &text(256)).await;
    assert_payload_rejected(Format::Cbor, &text(257)).await;
    assert_payload_rejected(Format::Cbor, &keys(3)).await;
    let in_maps = |maps: usize| {
        let mut claim = [cbor_text("a"), cbor_head(4, maps as u64)].concat();
        claim.extend(b"\xa1\x01\x00".repeat(maps));
        cbor(1, &claim)
    };
    assert_payload_accepted(Format::Cbor, &in_maps(253)).await;
    assert_payload_rejected(Format::Cbor, &in_maps(254)).await;
}

#[actix_web::test]
async fn payload_that_is_not_one_cbor_map_is_rejected() {
    assert_payload_accepted(Format::Cbor, &cbor(0, b"")).await;
    for bad in [
        [cbor(0, b""), vec![0]].concat(),
        [cbor(0, b""), cbor(0, b"")].concat(),
        [cbor(0, b""), vec![0xff]].concat(),
        [vec![0x81], cbor(0, b"")].concat(),
        [vec![0xd9, 0xd9, 0xf7], cbor(0, b"")].concat(),
        [cbor_head(2, cbor(0, b"").len() as u64), cbor(0, b"")].concat(),
        cbor(1, b""),
        cbor(1, b"\x61a"),
        cbor(1, b"\x41a\x01"),
        cbor(1, b"\xf6\x01"),
        cbor(1, b"\xf5\x01"),
        cbor(1, b"\x80\x01"),
        cbor(1, b"\xfb\x3f\xf0\0\0\0\0\0\0\x01"),
        cbor(1, b"\x61a\xff"),
        cbor(1, b"\x61a\x61\xff"),
        cbor(1, b"\x61a\x1c"),
        cbor(1, b"\x61a\xfc"),
        vec![0xa0, 0],
        vec![0xf6],
        vec![0],
        vec![0xff],
        vec![0xbf],
    ] {
        assert_payload_rejected(Format::Cbor, &bad).await;
    }
}

/// Returns the peak size of this process's address space in KiB, as Linux reports it. Returns 0 on
/// other systems.
fn peak_address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

#[actix_web::test]
async fn false_cbor_lengths_are_rejected_without_allocation() {
    // Control: well-formed bytes, text, list and map are accepted.
    for good in [b"\x41x".as_slice(), b"\x61x", b"\x81\x01", b"\xa1\x01\x01"] {
        assert_payload_accepted(Format::Cbor, &cbor(1, &[b"\x61a", good].concat())).await;
    }
    let before = peak_address_space();
    for major in 2..=5 {
        // From 16 GiB up to the largest `u64`.
        for length in [
            1 << 34,
            (1 << 34) + 1,
            1 << 40,
            (1 << 62) - 1,
            i64::MAX as u64,
            u64::MAX - 1,
            u64::MAX,
        ] {
            let head = cbor_head(major, length);
            let filled = [head.clone(), vec![0x61; 64]].concat();
            for item in [&head, &filled] {
                assert_payload_rejected(
                    Format::Cbor,
                    &cbor(1, &[b"\x61a", item.as_slice()].concat()),
                )
                .await;
                assert_payload_rejected(
                    Format::Cbor,
                    &cbor(1, &[b"\x61a\x81", item.as_slice()].concat()),
                )
                .await;
                assert_payload_rejected(
                    Format::Cbor,
                    &cbor(1, &[b"\x63sub", item.as_slice()].concat()),
                )
                .await;
                assert_payload_rejected(Format::Cbor, &cbor(1, item)).await;
                assert_payload_rejected(Format::Cbor, item).await;
                let footer = [b"\xa1\x63kid", item.as_slice()].concat();
                let token = parts::sign(&keys::secret(), &cbor(0, b""), &footer, b"");
                assert_rejected_as(&verifier(Format::Cbor), &token, Kind::Malformed).await;
            }
        }
    }
    // Other tests run at the same time, but they do not allocate gibibytes.
    assert!(
        peak_address_space() - before < 8 << 20,
        "the verifier allocated memory for the length that the token declared"
    );
}

#[actix_web::test]
async fn indefinite_lengths_are_accepted_only_if_complete() {
    for good in [
        b"\x5f\x41x\xff".as_slice(),
        b"\x7f\x61x\xff",
        b"\x9f\x01\xff",
        b"\xbf\x01\x01\xff",
        b"\x9f\x9f\xff\xff",
    ] {
        assert_payload_accepted(Format::Cbor, &cbor(1, &[b"\x61a", good].concat())).await;
        let endless = &good[..good.len() - 1];
        assert_payload_rejected(Format::Cbor, &cbor(1, &[b"\x61a", endless].concat())).await;
    }
    let [iss_and_exp] = [&cbor(0, b"")[1..]];
    assert_payload_accepted(Format::Cbor, &[b"\xbf", iss_and_exp, b"\xff"].concat()).await;
    assert_payload_rejected(Format::Cbor, &[b"\xbf", iss_and_exp].concat()).await;

    for byte in [0x5f, 0x7f, 0x9f, 0xbf] {
        assert_payload_rejected(
            Format::Cbor,
            &cbor(1, &[b"\x61a".as_slice(), &vec![byte; 5000]].concat()),
        )
        .await;
        assert_payload_rejected(Format::Cbor, &vec![byte; 5000]).await;
        // An indefinite item whose chunks or entries fill the rest of the token.
        for chunk in [b"\x41x".as_slice(), b"\x61x", b"\x40", b"\x60", b"\x00"] {
            let mut claim = vec![0x61, b'a', byte];
            claim.extend(chunk.repeat(2000));
            assert_payload_rejected(Format::Cbor, &cbor(1, &claim)).await;
        }
    }
}

#[actix_web::test]
async fn payload_format_is_never_guessed() {
    for (mine, good, others) in
        [(Format::Json, json(""), cbor(0, b"")), (Format::Cbor, cbor(0, b""), json(""))]
    {
        assert_payload_accepted(mine, &good).await;
        assert_payload_rejected(mine, &others).await;
    }
}

//! Payloads that a trusted key has signed, and that are refused all the same: whoever reads them another way than we do
//! would see another user.

use std::fs;

use paseto_actix::Verifier;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix_tests::app::{assert_accepted, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::payloads::{EXP, cbor, cbor_head, cbor_text, json};
use paseto_actix_tests::rejections::assert_refused_as;
use paseto_actix_tests::{keys, parts};

fn verifier(format: Format) -> Verifier {
    verifier_builder(&TestClock::new()).format(format).build().unwrap()
}

/// Signed without a footer, and with one that names the key: the payload is read at another point then.
fn signed(format: Format, payload: &[u8]) -> [String; 2] {
    let key = keys::secret();
    let footer = match format {
        Format::Cbor => [cbor_head(5, 1), cbor_text("kid"), cbor_text(key.kid())].concat(),
        _ => format!(r#"{{"kid":"{}"}}"#, key.kid()).into_bytes(),
    };
    [&*footer, b""].map(|footer| parts::sign(&key, payload, footer, b""))
}

async fn accepted(format: Format, payload: &[u8]) {
    for token in signed(format, payload) {
        assert_accepted(&verifier(format), &token).await;
    }
}

async fn refused(format: Format, payload: &[u8]) {
    for token in signed(format, payload) {
        assert_refused_as(&verifier(format), &token, Kind::Malformed).await;
    }
}

#[actix_web::test]
async fn a_key_that_occurs_twice_in_one_map() {
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
        accepted(Format::Json, &json(good)).await;
        refused(Format::Json, &json(bad)).await;
    }
}

#[actix_web::test]
async fn nested_over_16_levels() {
    // The payload is a level itself; an empty list or map is one like any other.
    for (open, inside, close) in
        [("[", "1", "]"), ("[", "[]", "]"), (r#"{"a":"#, "1", "}"), (r#"{"a":"#, "{}", "}")]
    {
        let levels = |levels: usize| {
            let open_ones = levels - 1 - usize::from(inside.len() > 1);
            json(&format!(
                r#","deep":{}{inside}{}"#,
                open.repeat(open_ones),
                close.repeat(open_ones)
            ))
        };
        accepted(Format::Json, &levels(16)).await;
        for too_many in [17, 18, 64, 128, 129, 600] {
            refused(Format::Json, &levels(too_many)).await;
        }
    }
    let mixed =
        |pairs| json(&format!(r#","deep":{}0{}"#, r#"[{"a":"#.repeat(pairs), "}]".repeat(pairs)));
    accepted(Format::Json, &mixed(7)).await;
    refused(Format::Json, &mixed(8)).await;
    refused(Format::Json, &json(&format!(r#","deep":{}"#, "[".repeat(3000)))).await;
}

#[actix_web::test]
async fn over_256_keys() {
    let flat = |keys: usize| (2..keys).map(|key| format!(r#","{key}":0"#)).collect::<String>();
    let spread = |keys: usize| {
        let maps: Vec<_> = (3..keys).map(|_| r#"{"a":0}"#).collect();
        format!(r#","all":[{}]"#, maps.join(","))
    };
    for claims in [flat(256), spread(256)] {
        accepted(Format::Json, &json(&claims)).await;
    }
    for claims in [flat(257), spread(257), flat(600)] {
        refused(Format::Json, &json(&claims)).await;
    }
}

#[actix_web::test]
async fn a_payload_that_is_no_map_or_no_json() {
    let good = String::from_utf8(json("")).unwrap();
    accepted(Format::Json, format!(" \n{good}\t").as_bytes()).await;
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
        refused(Format::Json, bad.as_bytes()).await;
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
        accepted(Format::Json, &json(good)).await;
        refused(Format::Json, &json(bad)).await;
    }
    refused(Format::Json, &[&json("")[..40], b"\xff", &json("")[40..]].concat()).await;
}

#[actix_web::test]
async fn a_cbor_key_that_occurs_twice_in_one_map() {
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
        accepted(Format::Cbor, &good).await;
        refused(Format::Cbor, &bad).await;
    }
}

#[actix_web::test]
async fn nested_over_16_levels_or_over_256_keys() {
    let nested = |open: &[u8], levels: usize| {
        cbor(1, &[b"\x61a", open.repeat(levels - 1).as_slice(), b"\0"].concat())
    };
    // Lists, maps and tags, in definite and indefinite lengths.
    for open in [b"\x81".as_slice(), b"\xa1\x01", b"\xc1", b"\xd9\xd9\xf7"] {
        accepted(Format::Cbor, &nested(open, 16)).await;
        for levels in [17, 18, 64, 65, 66, 1000] {
            refused(Format::Cbor, &nested(open, levels)).await;
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
    accepted(Format::Cbor, &text(256)).await;
    refused(Format::Cbor, &text(257)).await;
    refused(Format::Cbor, &keys(3)).await;
    let in_maps = |maps: usize| {
        let mut claim = [cbor_text("a"), cbor_head(4, maps as u64)].concat();
        claim.extend(b"\xa1\x01\x00".repeat(maps));
        cbor(1, &claim)
    };
    accepted(Format::Cbor, &in_maps(253)).await;
    refused(Format::Cbor, &in_maps(254)).await;
}

#[actix_web::test]
async fn bytes_that_are_no_one_map() {
    accepted(Format::Cbor, &cbor(0, b"")).await;
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
        refused(Format::Cbor, &bad).await;
    }
}

/// What the kernel says of the most address space that this process ever had, in KiB; nothing where there is no such file.
fn peak_of_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

#[actix_web::test]
async fn lengths_that_are_lies() {
    // A well-formed one of each, as the control: bytes, text, list, map.
    for good in [b"\x41x".as_slice(), b"\x61x", b"\x81\x01", b"\xa1\x01\x01"] {
        accepted(Format::Cbor, &cbor(1, &[b"\x61a", good].concat())).await;
    }
    let before = peak_of_memory();
    for major in 2..=5 {
        // From 16 GiB on, the next less than what the machine word holds, and the largest.
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
                refused(Format::Cbor, &cbor(1, &[b"\x61a", item.as_slice()].concat())).await;
                refused(Format::Cbor, &cbor(1, &[b"\x61a\x81", item.as_slice()].concat())).await;
                refused(Format::Cbor, &cbor(1, &[b"\x63sub", item.as_slice()].concat())).await;
                refused(Format::Cbor, &cbor(1, item)).await;
                refused(Format::Cbor, item).await;
                let footer = [b"\xa1\x63kid", item.as_slice()].concat();
                let token = parts::sign(&keys::secret(), &cbor(0, b""), &footer, b"");
                assert_refused_as(&verifier(Format::Cbor), &token, Kind::Malformed).await;
            }
        }
    }
    // Other tests run at the same time, but none of them takes gibibytes.
    assert!(
        peak_of_memory() - before < 8 << 20,
        "memory for as much as the token said there would be"
    );
}

#[actix_web::test]
async fn indefinite_lengths() {
    for good in [
        b"\x5f\x41x\xff".as_slice(),
        b"\x7f\x61x\xff",
        b"\x9f\x01\xff",
        b"\xbf\x01\x01\xff",
        b"\x9f\x9f\xff\xff",
    ] {
        accepted(Format::Cbor, &cbor(1, &[b"\x61a", good].concat())).await;
        let endless = &good[..good.len() - 1];
        refused(Format::Cbor, &cbor(1, &[b"\x61a", endless].concat())).await;
    }
    let [iss_and_exp] = [&cbor(0, b"")[1..]];
    accepted(Format::Cbor, &[b"\xbf", iss_and_exp, b"\xff"].concat()).await;
    refused(Format::Cbor, &[b"\xbf", iss_and_exp].concat()).await;

    for byte in [0x5f, 0x7f, 0x9f, 0xbf] {
        refused(Format::Cbor, &cbor(1, &[b"\x61a".as_slice(), &vec![byte; 5000]].concat())).await;
        refused(Format::Cbor, &vec![byte; 5000]).await;
        // Chunks of an indefinite text or string of bytes, and entries of an indefinite list or map, to the token's end.
        for chunk in [b"\x41x".as_slice(), b"\x61x", b"\x40", b"\x60", b"\x00"] {
            let mut claim = vec![0x61, b'a', byte];
            claim.extend(chunk.repeat(2000));
            refused(Format::Cbor, &cbor(1, &claim)).await;
        }
    }
}

#[actix_web::test]
async fn the_format_is_never_guessed() {
    for (mine, good, others) in
        [(Format::Json, json(""), cbor(0, b"")), (Format::Cbor, cbor(0, b""), json(""))]
    {
        accepted(mine, &good).await;
        refused(mine, &others).await;
    }
}

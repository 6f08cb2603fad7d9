//! The time to verify new tokens, and to verify one token repeatedly.

use std::cell::Cell;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use paseto_actix::Verifier;
use pasetors::Public;
use pasetors::claims::ClaimsValidationRules;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::V4;
use rusty_paseto::prelude::{
    Footer, Key, PasetoAsymmetricPublicKey, PasetoParser, Public as RustyPublic, V4 as RustyV4,
};

use crate::group::{Comparison, Group, Target, Unit};
use crate::keys::{Claims, Format, KeySet};
use crate::sampler::{ROUNDS, Subject, sample, warm_up};
use crate::selection::Run;
use crate::tokens::{altered, footer, issue_tokens, signed};
use crate::{jwt, verifiers};

/// The calls per round, about 30 µs each.
const BATCH: usize = 24;
/// The number of tokens in all rounds, in the warm-up and in the check. Each token is used once.
const TOKENS: usize = (BATCH + warm_up(BATCH)) * ROUNDS + BATCH + 1;

const OURS: &str = "Verifier";
const UNCACHED: &str = "Verifier without cache";
const DALEK: &str = "bare ed25519-dalek";
const AWS_LC: &str = "bare aws-lc-rs";
const RS256: &str = "jsonwebtoken RS256, aws-lc";
const ES256: &str = "jsonwebtoken ES256, aws-lc";

/// Returns the index of the next token. It starts again after the last token, which makes a
/// difference only if there is a cache.
fn each_in_turn() -> impl Fn() -> usize {
    let next = Cell::new(0);
    move || next.replace((next.get() + 1) % TOKENS)
}

fn ours<'a>(
    name: &'static str,
    verifier: Verifier,
    tokens: &'a [String],
    batch: usize,
) -> Subject<'a> {
    let index = each_in_turn();
    let (wrong, other) = (altered(&tokens[0]), verifier.clone());
    let call = move || verifier.verify_str(&tokens[index() % tokens.len()]).expect("a token");
    Subject::new(name, batch, call).rejects(move || other.verify_str(&wrong).is_err())
}

fn json_web_token<'a>(
    name: &'static str,
    tokens: &'a [String],
    batch: usize,
    verify: impl Fn(&str) -> Option<Claims> + Clone + 'a,
) -> Subject<'a> {
    let index = each_in_turn();
    let (wrong, other) = (altered(&tokens[0]), verify.clone());
    let call = move || verify(&tokens[index() % tokens.len()]).expect("a token");
    Subject::new(name, batch, call).rejects(move || other(&wrong).is_none())
}

pub(super) fn first_sight(run: &Run, keys: &KeySet) -> Group {
    let mut group = Group::new("verify a token at first sight", Unit::Nanoseconds);
    group.comparisons = vec![
        Comparison::new(OURS, DALEK, None),
        Comparison::new(OURS, AWS_LC, None),
        Comparison::new(UNCACHED, DALEK, None),
        Comparison::new(UNCACHED, AWS_LC, None),
        Comparison::new(OURS, "pasetors", None),
        Comparison::new(OURS, "rusty_paseto", None),
        Comparison::new(OURS, "jsonwebtoken EdDSA, aws-lc", None),
        Comparison::new(OURS, "jsonwebtoken EdDSA, RustCrypto", None),
        Comparison::new(OURS, RS256, None),
        Comparison::new(OURS, ES256, None),
    ];
    if !group.is_needed(run) {
        return group;
    }
    let count = if run.brief { 1 } else { TOKENS };
    let [tokens, eddsa, rs256, es256] =
        [Format::Paseto, Format::EdDsa, Format::Rs256, Format::Es256]
            .map(|format| issue_tokens(keys, format, 0..count));
    let signed: Vec<_> = tokens.iter().map(|token| signed(token)).collect();
    let by_aws_lc = |name, format, tokens| {
        let verifier = jwt::Verifier::new(keys, format);
        json_web_token(name, tokens, BATCH, move |token: &str| verifier.verify(token))
    };
    let rust_crypto = jwt::RustCryptoVerifier::new(keys);
    let subjects = vec![
        ours(OURS, verifiers::cached(keys.public()).build().expect("a verifier"), &tokens, BATCH),
        ours(
            UNCACHED,
            verifiers::uncached([keys.public()]).build().expect("a verifier"),
            &tokens,
            BATCH,
        ),
        bare_dalek(keys, &signed),
        bare_aws_lc(keys, &signed),
        pasetors_verify(keys, &tokens),
        rusty_paseto_verify(keys, &tokens),
        by_aws_lc("jsonwebtoken EdDSA, aws-lc", Format::EdDsa, &eddsa),
        json_web_token("jsonwebtoken EdDSA, RustCrypto", &eddsa, BATCH, |token: &str| {
            rust_crypto.verify(token)
        }),
        by_aws_lc(RS256, Format::Rs256, &rs256),
        by_aws_lc(ES256, Format::Es256, &es256),
    ];
    sample(&mut group, run, subjects);
    // The target applies to the comparison with the faster of the two bare verifications.
    let time = |name| group.find(name).map(|samples| samples.median());
    if let (Some(dalek), Some(aws_lc)) = (time(DALEK), time(AWS_LC)) {
        let faster = if dalek < aws_lc { DALEK } else { AWS_LC };
        for row in &mut group.comparisons {
            if row.subject == OURS && row.beside == faster {
                row.target = Some(Target::AtMost(0.85));
            }
        }
    }
    group
}

pub(super) fn repeated(run: &Run, keys: &KeySet) -> Group {
    const CLAIMS: &str = "Verifier, and its claims read";
    const HS256: &str = "jsonwebtoken HS256";
    let mut group = Group::new("verify one token again and again", Unit::Nanoseconds);
    group.comparisons = vec![
        Comparison::new(OURS, HS256, Some(Target::AtMost(0.15))),
        Comparison::new(CLAIMS, HS256, None),
        Comparison::new(OURS, UNCACHED, None),
    ];
    let (tokens, jwts) =
        (issue_tokens(keys, Format::Paseto, 0..1), issue_tokens(keys, Format::Hs256, 0..1));
    let verifier = || verifiers::cached(keys.public()).build().expect("a verifier");
    let hs256 = jwt::Verifier::new(keys, Format::Hs256);
    let (with_claims, token) = (verifier(), &tokens[0]);
    let claims = move || {
        let claims: Claims =
            with_claims.verify_str(token).expect("a token").claims().expect("claims");
        assert_eq!(claims, Claims::of_user(0));
    };
    let subjects = vec![
        ours(OURS, verifier(), &tokens, 500),
        Subject::new(CLAIMS, 500, claims),
        ours(
            UNCACHED,
            verifiers::uncached([keys.public()]).build().expect("a verifier"),
            &tokens,
            BATCH,
        ),
        json_web_token(HS256, &jwts, 300, |token: &str| hs256.verify(token)),
    ];
    sample(&mut group, run, subjects);
    group
}

/// Verifies only the signature, of the same bytes.
fn bare_dalek<'a>(keys: &KeySet, signed: &'a [(Vec<u8>, [u8; 64])]) -> Subject<'a> {
    let key = VerifyingKey::from_bytes(&keys.public_bytes()).expect("a key");
    let index = each_in_turn();
    let verify = move |message: &[u8], signature| {
        key.verify(message, &Signature::from_bytes(signature)).is_ok()
    };
    let call = move || {
        let (message, signature) = &signed[index() % signed.len()];
        assert!(verify(message, signature));
    };
    let rejects = move || !verify(b"another message", &signed[0].1);
    Subject::new(DALEK, BATCH, call).rejects(rejects)
}

fn bare_aws_lc<'a>(keys: &KeySet, signed: &'a [(Vec<u8>, [u8; 64])]) -> Subject<'a> {
    let key = ParsedPublicKey::new(&ED25519, keys.public_bytes()).expect("a key");
    let (other, index) = (key.clone(), each_in_turn());
    let call = move || {
        let (message, signature) = &signed[index() % signed.len()];
        key.verify_sig(message, signature).expect("a signature");
    };
    let rejects = move || other.verify_sig(b"another message", &signed[0].1).is_err();
    Subject::new(AWS_LC, BATCH, call).rejects(rejects)
}

fn pasetors_verify<'a>(keys: &KeySet, tokens: &'a [String]) -> Subject<'a> {
    let key = AsymmetricPublicKey::<V4>::from(&keys.public_bytes()).expect("a key");
    let rules = ClaimsValidationRules::new();
    let index = each_in_turn();
    let verify = move |token: &str| {
        let token = UntrustedToken::<Public, V4>::try_from(token).ok()?;
        pasetors::public::verify(&key, &token, &rules, None, None).ok()
    };
    let (wrong, other) = (altered(&tokens[0]), verify.clone());
    let call = move || verify(&tokens[index() % tokens.len()]).expect("a token");
    Subject::new("pasetors", BATCH, call).rejects(move || other(&wrong).is_none())
}

fn rusty_paseto_verify<'a>(keys: &KeySet, tokens: &'a [String]) -> Subject<'a> {
    let key = Key::<32>::from(keys.public_bytes());
    let footer = footer(&tokens[0]);
    let index = each_in_turn();
    let verify = move |token: &str| -> Option<Claims> {
        let key = PasetoAsymmetricPublicKey::from(&key);
        let mut parser = PasetoParser::<RustyV4, RustyPublic>::default();
        parser.set_footer(Footer::from(footer.as_str()));
        parser.parse_into(token, &key).ok()
    };
    let (wrong, other) = (altered(&tokens[0]), verify.clone());
    let call = move || verify(&tokens[index() % tokens.len()]).expect("a token");
    Subject::new("rusty_paseto", BATCH, call).rejects(move || other(&wrong).is_none())
}

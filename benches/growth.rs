//! The costs with many trusted keys, long payloads and many live tokens.

use std::{cell::Cell, hint::black_box, thread, time::Instant};

use paseto_actix::{Issuer, SecretKey, Verifier};
use serde_json::json;

use crate::{
    arguments::Run,
    group::{Comparison, Group, LIMIT, Side, Target, Unit},
    keys::{Keys, issuer, payload_len, token},
    memory,
    sampler::{Random, Subject, sample},
    table::thousands,
    verifiers,
};

/// Calls of one round that check the signature.
const BATCH: usize = 24;
/// Calls of one round that find the token in the cache.
const REPEATED_BATCH: usize = 500;
/// The number of tokens that are sent in turn, at least one for each key.
const TOKENS: usize = 1024;
/// The most nanoseconds for a known token of 100,000.
const MOST_OF_100_000: f64 = 1000.0;
/// The Verifier's limit for the length of a token.
const LONGEST_TOKEN: usize = 8192;

pub(crate) fn measure(run: &Run) -> Vec<Group> {
    vec![trusted_keys(run), trusted_keys_with_one_in_use(run), payloads(run), live_tokens(run), memory::measure(run)]
}

fn trusted_keys(run: &Run) -> Group {
    let mut group = Group::new("trusted keys, tokens of each", Unit::Nanoseconds);
    let compare = |count, target| Comparison::new(of_them(count), of_them(1), target);
    group.comparisons = vec![compare(10, None), compare(100, None), compare(1000, Some(Target::AtMost(1.05)))];
    let subject = |count| {
        let keys = secret_keys(count);
        trusting(&keys, &keys, run)
    };
    if group.is_needed(run) {
        sample(&mut group, run, [1, 10, 100, 1000].map(subject).into());
    }
    group
}

fn trusted_keys_with_one_in_use(run: &Run) -> Group {
    let mut group = Group::new("trusted keys, tokens of one", Unit::Nanoseconds);
    group.comparisons = vec![Comparison::new(of_them(1000), of_them(1), Some(Target::AtMost(1.05)))];
    if group.is_needed(run) {
        let keys = secret_keys(1000);
        // The key in the middle, so that neither a first nor a last key can profit from its place.
        let used = &keys[500..501];
        sample(&mut group, run, vec![trusting(used, used, run), trusting(&keys, used, run)]);
    }
    group
}

fn of_them(count: usize) -> String {
    format!("{} of them", thousands(count as f64))
}

fn secret_keys(count: usize) -> Vec<SecretKey> {
    (0..count).map(|_| SecretKey::generate()).collect()
}

/// A verifier that trusts the keys, and that gets tokens of the used keys in turn.
fn trusting(keys: &[SecretKey], used: &[SecretKey], run: &Run) -> Subject<'static> {
    let verifier = verifiers::uncached(keys.iter().map(SecretKey::public_key)).build().expect("a verifier");
    let issuers: Vec<_> = used.iter().cloned().map(issuer).collect();
    let issuers = issuers.iter().cycle().take(if run.brief { used.len() } else { TOKENS });
    let tokens = issuers.enumerate().map(|(number, issuer)| token(issuer, number)).collect();
    verify(of_them(keys.len()), verifier, tokens)
}

fn payloads(run: &Run) -> Group {
    let mut group = Group::new("payload of a token at first sight", Unit::Nanoseconds);
    let keys = Keys::generate();
    let issuer = keys.issuer();
    let longest = longest_payload(&issuer);
    // The registered claims alone are 229 bytes.
    let lengths = [300, 1000, longest];
    let name = |length: usize| match length {
        _ if length == longest => format!("{} B, the longest that fits", thousands(length as f64)),
        _ => format!("{} B", thousands(length as f64)),
    };
    group.comparisons =
        lengths[1..].iter().map(|length| Comparison::new(name(*length), name(lengths[0]), None)).collect();
    let subject = |length| {
        let verifier = verifiers::uncached([keys.public()]).build().expect("a verifier");
        let count = if run.brief { 1 } else { TOKENS };
        verify(name(length), verifier, (0..count).map(|_| padded(&issuer, length)).collect())
    };
    if group.is_needed(run) {
        sample(&mut group, run, lengths.map(subject).into());
    }
    group
}

/// A token with a payload of this length.
fn padded(issuer: &Issuer, length: usize) -> String {
    let token = |padding: usize| issuer.issue(&json!({ "pad": "x".repeat(padding) })).expect("a token");
    token(length - payload_len(&token(0)))
}

fn longest_payload(issuer: &Issuer) -> usize {
    let token = |padding: usize| issuer.issue(&json!({ "pad": "x".repeat(padding) })).ok();
    payload_len(&(0..LONGEST_TOKEN).rev().find_map(token).expect("a token without padding"))
}

fn live_tokens(run: &Run) -> Group {
    let mut group = Group::new("tokens that come again, by how many live", Unit::Nanoseconds);
    let counts: &[usize] = if run.brief { &[10, 100] } else { &[10, 1000, 100_000, 1_000_000] };
    group.comparisons =
        counts[1..].iter().map(|count| Comparison::new(of_them(*count), of_them(counts[0]), None)).collect();
    group.comparisons.push(Comparison::new(of_them(100_000), LIMIT, Some(Target::AtMost(1.0))));
    if !group.is_needed(run) {
        return group;
    }
    let keys = Keys::generate();
    let subject = |count: &usize| {
        let cache = verifiers::cache_of(*count);
        let verifier = verifiers::cached_in(keys.public(), &cache).build().expect("a verifier");
        let tokens = known_tokens(&keys, &verifier, *count);
        assert_eq!(cache.len(), *count, "a token was not kept");
        repeat(of_them(*count), verifier, tokens)
    };
    sample(&mut group, run, counts.iter().map(subject).collect());
    group.add_limit(MOST_OF_100_000);
    group
}

/// Verifies tokens in turn.
fn verify(name: String, verifier: Verifier, tokens: Vec<String>) -> Subject<'static> {
    let index = Cell::new(0);
    let call = move || {
        let index = index.replace((index.get() + 1) % tokens.len());
        verifier.verify_str(&tokens[index]).expect("a token")
    };
    Subject::new(name, Side::Ours, BATCH, call)
}

/// Signs tokens and verifies each once. It uses all cores, because a million tokens take a minute
/// on one core.
fn known_tokens(keys: &Keys, verifier: &Verifier, count: usize) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let issuer = keys.issuer();
    let part = |first: usize, end: usize| {
        let tokens: Vec<_> = (first..end).map(|number| token(&issuer, number)).collect();
        for token in &tokens {
            verifier.verify_str(token).expect("a token");
        }
        tokens
    };
    let part = &part;
    thread::scope(|scope| {
        let bound = |index: usize| count * index / threads;
        let parts: Vec<_> =
            (0..threads).map(|index| scope.spawn(move || part(bound(index), bound(index + 1)))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("tokens")).collect()
    })
}

/// Verifies known tokens in random order. It copies the texts before the measurement, because the
/// bytes of a request that has just arrived are in the processor's cache too.
fn repeat(name: String, verifier: Verifier, tokens: Vec<String>) -> Subject<'static> {
    let mut random = Random::new();
    let timed = move |calls| {
        let texts: Vec<_> = (0..calls).map(|_| tokens[random.below(tokens.len())].clone()).collect();
        let start = Instant::now();
        for text in &texts {
            black_box(verifier.verify_str(text).expect("a token"));
        }
        start.elapsed()
    };
    Subject::timed(name, Side::Ours, REPEATED_BATCH, timed)
}

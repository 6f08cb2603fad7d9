//! The time of a verification with many trusted keys, long payloads and many valid tokens.

use std::cell::Cell;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

use paseto_actix::{Issuer, PublicKey, SecretKey, Verifier};
use serde_json::json;

use crate::group::{Comparison, Group, LIMIT, Target, Unit};
use crate::keys::KeySet;
use crate::sampler::{Random, Subject, sample};
use crate::selection::Run;
use crate::table::thousands;
use crate::tokens::{issue_token, issuer, payload_len};
use crate::verifiers;

/// The calls per round, if each call verifies the signature.
const BATCH: usize = 24;
/// The calls per round, if the cache contains the token.
const REPEATED_BATCH: usize = 500;
/// The number of different tokens, at least one per key.
const TOKENS: usize = 1024;
/// The target in nanoseconds for a verification with 100,000 cached tokens.
const MOST_OF_100_000: f64 = 1000.0;
/// The default value of `max_precomputed_keys`.
const TABLES: usize = 128;
/// The longest token that a `Verifier` accepts, in bytes.
const LONGEST_TOKEN: usize = 8192;

pub(crate) fn measure(run: &Run) -> Vec<Group> {
    [trusted_keys(run), trusted_keys_with_one_in_use(run), payloads(run)]
        .into_iter()
        .chain([&[10, 1000, 100_000][..], &[10, 1_000_000]].map(|counts| live_tokens(run, counts)))
        .collect()
}

fn trusted_keys(run: &Run) -> Group {
    const ALL_WITH_A_TABLE: &str = "1,000 of them, each with a table";
    let mut group = Group::new("trusted keys, tokens of each", Unit::Nanoseconds);
    let compare = |name: &str| Comparison::new(name, of_them(1), None);
    group.comparisons =
        [&of_them(10), &of_them(100), &of_them(1000), ALL_WITH_A_TABLE].map(compare).to_vec();
    if group.is_needed(run) {
        let subject = |count| {
            let keys = secret_keys(count);
            trusting(of_them(count), &keys, &keys, TABLES, run)
        };
        let mut subjects = Vec::from([1, 10, 100, 1000].map(subject));
        let keys = secret_keys(1000);
        subjects.push(trusting(ALL_WITH_A_TABLE.to_owned(), &keys, &keys, keys.len(), run));
        sample(&mut group, run, subjects);
    }
    group
}

fn trusted_keys_with_one_in_use(run: &Run) -> Group {
    let mut group = Group::new("trusted keys, tokens of one", Unit::Nanoseconds);
    group.comparisons =
        vec![Comparison::new(of_them(1000), of_them(1), Some(Target::AtMost(1.05)))];
    if group.is_needed(run) {
        let keys = secret_keys(1000);
        // The key in the middle, because a search could find the first or the last key faster.
        let used = &keys[500..501];
        let subject = |keys: &[SecretKey]| trusting(of_them(keys.len()), keys, used, TABLES, run);
        sample(&mut group, run, vec![subject(used), subject(&keys)]);
    }
    group
}

fn of_them(count: usize) -> String {
    format!("{} of them", thousands(count as f64))
}

fn secret_keys(count: usize) -> Vec<SecretKey> {
    (0..count).map(|_| SecretKey::generate()).collect()
}

/// Creates a subject whose verifier trusts `keys` and verifies tokens of the keys `used` in turn.
/// The verifier creates the tables of the used keys before the measurement.
fn trusting(
    name: String,
    keys: &[SecretKey],
    used: &[SecretKey],
    tables: usize,
    run: &Run,
) -> Subject<'static> {
    let verifier =
        verifiers::uncached(keys.iter().map(SecretKey::public_key)).max_precomputed_keys(tables);
    let verifier = verifier.build().expect("a verifier");
    let issuers: Vec<_> = used.iter().cloned().map(issuer).collect();
    let tokens = issuers.iter().cycle().take(if run.brief { used.len() } else { TOKENS });
    let tokens: Vec<_> =
        tokens.enumerate().map(|(number, issuer)| issue_token(issuer, number)).collect();
    if !run.brief {
        build_tables(&verifier, &tokens[..used.len()], tables);
    }
    verify(name, verifier, tokens)
}

/// Generates keys, and issues a token with each key.
pub(crate) fn keys_with_tokens(count: usize) -> (Vec<PublicKey>, Vec<String>) {
    let keys = secret_keys(count);
    let public = keys.iter().map(SecretKey::public_key).collect();
    (public, keys.into_iter().map(|key| issue_token(&issuer(key), 0)).collect())
}

/// Builds a verifier with a table for each key.
pub(crate) fn with_tables((keys, tokens): &(Vec<PublicKey>, Vec<String>)) -> Verifier {
    let verifier = verifiers::uncached(keys.iter().cloned()).max_precomputed_keys(keys.len());
    let verifier = verifier.build().expect("a verifier");
    build_tables(&verifier, tokens, keys.len());
    verifier
}

/// Verifies the tokens until the verifier has created all tables that its limit allows.
fn build_tables(verifier: &Verifier, tokens: &[String], tables: usize) {
    while verifier.precomputed_keys() < tokens.len().min(tables) {
        for token in tokens {
            verifier.verify_str(token).expect("a token");
        }
    }
}

fn payloads(run: &Run) -> Group {
    let mut group = Group::new("payload of a token at first sight", Unit::Nanoseconds);
    let keys = KeySet::generate();
    let issuer = issuer(keys.secret());
    let longest = longest_payload(&issuer);
    // The registered claims alone are 229 bytes.
    let lengths = [300, 1000, longest];
    let name = |length: usize| match length {
        _ if length == longest => format!("{} B, the longest that fits", thousands(length as f64)),
        _ => format!("{} B", thousands(length as f64)),
    };
    group.comparisons = lengths[1..]
        .iter()
        .map(|length| Comparison::new(name(*length), name(lengths[0]), None))
        .collect();
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

/// Issues a token whose payload has this length.
fn padded(issuer: &Issuer, length: usize) -> String {
    let token =
        |padding: usize| issuer.issue(&json!({ "pad": "x".repeat(padding) })).expect("a token");
    token(length - payload_len(&token(0)))
}

fn longest_payload(issuer: &Issuer) -> usize {
    let token = |padding: usize| issuer.issue(&json!({ "pad": "x".repeat(padding) })).ok();
    payload_len(&(0..LONGEST_TOKEN).rev().find_map(token).expect("a token without padding"))
}

/// Measures a group of counts. A process with a million tokens is slower for all subjects, because
/// its memory does not fit into the caches of the processor. So a million is in its own group.
fn live_tokens(run: &Run, counts: &[usize]) -> Group {
    let mut group = Group::new("tokens that come again, by how many live", Unit::Nanoseconds);
    let counts: &[usize] = if run.brief { &[10, 100] } else { counts };
    group.comparisons = counts[1..]
        .iter()
        .map(|count| Comparison::new(of_them(*count), of_them(counts[0]), None))
        .collect();
    let has_limit = counts.contains(&100_000);
    if has_limit {
        group.comparisons.push(Comparison::new(of_them(100_000), LIMIT, Some(Target::AtMost(1.0))));
    }
    if !group.is_needed(run) {
        return group;
    }
    let keys = KeySet::generate();
    let subject = |count: &usize| {
        let verifier = verifiers::cached_for(keys.public(), *count).build().expect("a verifier");
        let tokens = cached_tokens(&keys, &verifier, *count);
        assert_eq!(verifier.token_cache_stats().entries, *count, "a token was not cached");
        repeat(of_them(*count), verifier, tokens)
    };
    sample(&mut group, run, counts.iter().map(subject).collect());
    if has_limit {
        group.add_limit(MOST_OF_100_000);
    }
    group
}

/// Verifies tokens in turn.
fn verify(name: String, verifier: Verifier, tokens: Vec<String>) -> Subject<'static> {
    let index = Cell::new(0);
    let call = move || {
        let index = index.replace((index.get() + 1) % tokens.len());
        verifier.verify_str(&tokens[index]).expect("a token")
    };
    Subject::new(name, BATCH, call)
}

/// Issues tokens and verifies each of them once. It uses all cores, because a million tokens take a
/// minute on one core.
fn cached_tokens(keys: &KeySet, verifier: &Verifier, count: usize) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let issuer = issuer(keys.secret());
    let part = |first: usize, end: usize| {
        let tokens: Vec<_> = (first..end).map(|number| issue_token(&issuer, number)).collect();
        for token in &tokens {
            verifier.verify_str(token).expect("a token");
        }
        tokens
    };
    let part = &part;
    thread::scope(|scope| {
        let bound = |index: usize| count * index / threads;
        let parts: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || part(bound(index), bound(index + 1))))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("tokens")).collect()
    })
}

/// Verifies cached tokens in random order. It copies the tokens before the measurement, because the
/// bytes of a received request are in the cache of the processor too.
fn repeat(name: String, verifier: Verifier, tokens: Vec<String>) -> Subject<'static> {
    let mut random = Random::new();
    let timed = move |calls| {
        let copies: Vec<_> =
            (0..calls).map(|_| tokens[random.below(tokens.len())].clone()).collect();
        let start = Instant::now();
        for token in &copies {
            black_box(verifier.verify_str(token).expect("a token"));
        }
        start.elapsed()
    };
    Subject::timed(name, REPEATED_BATCH, timed)
}

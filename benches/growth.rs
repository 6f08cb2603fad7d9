//! The costs with many trusted keys, long payloads and many live tokens.

use std::cell::Cell;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

use paseto_actix::{Issuer, PublicKey, SecretKey, Verifier};
use serde_json::json;

use crate::arguments::Run;
use crate::group::{Comparison, Group, LIMIT, Side, Target, Unit};
use crate::keys::{Keys, issuer, payload_len, token};
use crate::sampler::{Random, Subject, sample};
use crate::table::thousands;
use crate::{memory, verifiers};

/// Calls of one round that check the signature.
const BATCH: usize = 24;
/// Calls of one round that find the token in the cache.
const REPEATED_BATCH: usize = 500;
/// The number of tokens that are sent in turn, at least one for each key.
const TOKENS: usize = 1024;
/// The most nanoseconds for a known token of 100,000.
const MOST_OF_100_000: f64 = 1000.0;
/// The number of keys that get a table by default.
const TABLES: usize = 128;
/// The Verifier's limit for the length of a token.
const LONGEST_TOKEN: usize = 8192;

pub(crate) fn measure(run: &Run) -> Vec<Group> {
    [trusted_keys(run), trusted_keys_with_one_in_use(run), payloads(run)]
        .into_iter()
        .chain([&[10, 1000, 100_000][..], &[10, 1_000_000]].map(|counts| live_tokens(run, counts)))
        .chain(memory::measure(run))
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
        // The key in the middle, so that neither a first nor a last key can profit from its place.
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

/// A verifier that trusts the keys, and that gets tokens of the used keys in turn. The used keys
/// have their tables before, if they get one.
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
    let tokens: Vec<_> = tokens.enumerate().map(|(number, issuer)| token(issuer, number)).collect();
    if !run.brief {
        build_tables(&verifier, &tokens[..used.len()], tables);
    }
    verify(name, verifier, tokens)
}

/// This many keys, and a token of each.
pub(crate) fn keys_with_tokens(count: usize) -> (Vec<PublicKey>, Vec<String>) {
    let keys = secret_keys(count);
    let public = keys.iter().map(SecretKey::public_key).collect();
    (public, keys.into_iter().map(|key| token(&issuer(key), 0)).collect())
}

/// A verifier whose keys all have a table.
pub(crate) fn with_tables((keys, tokens): &(Vec<PublicKey>, Vec<String>)) -> Verifier {
    let verifier = verifiers::uncached(keys.iter().cloned()).max_precomputed_keys(keys.len());
    let verifier = verifier.build().expect("a verifier");
    build_tables(&verifier, tokens, keys.len());
    verifier
}

/// Verifies a token of each key until all have their table that get one.
fn build_tables(verifier: &Verifier, tokens: &[String], tables: usize) {
    while verifier.precomputed_keys() < tokens.len().min(tables) {
        for token in tokens {
            verifier.verify_str(token).expect("a token");
        }
    }
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

/// A token with a payload of this length.
fn padded(issuer: &Issuer, length: usize) -> String {
    let token =
        |padding: usize| issuer.issue(&json!({ "pad": "x".repeat(padding) })).expect("a token");
    token(length - payload_len(&token(0)))
}

fn longest_payload(issuer: &Issuer) -> usize {
    let token = |padding: usize| issuer.issue(&json!({ "pad": "x".repeat(padding) })).ok();
    payload_len(&(0..LONGEST_TOKEN).rev().find_map(token).expect("a token without padding"))
}

/// A group for each count, because a process with a million tokens is slower for all of them: its
/// memory does not fit into the processor's caches.
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
    let keys = Keys::generate();
    let subject = |count: &usize| {
        let verifier = verifiers::cached_for(keys.public(), *count).build().expect("a verifier");
        let tokens = known_tokens(&keys, &verifier, *count);
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
        let parts: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || part(bound(index), bound(index + 1))))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("tokens")).collect()
    })
}

/// Verifies known tokens in random order. It copies the texts before the measurement, because the
/// bytes of a request that has just arrived are in the processor's cache too.
fn repeat(name: String, verifier: Verifier, tokens: Vec<String>) -> Subject<'static> {
    let mut random = Random::new();
    let timed = move |calls| {
        let texts: Vec<_> =
            (0..calls).map(|_| tokens[random.below(tokens.len())].clone()).collect();
        let start = Instant::now();
        for text in &texts {
            black_box(verifier.verify_str(text).expect("a token"));
        }
        start.elapsed()
    };
    Subject::timed(name, Side::Ours, REPEATED_BATCH, timed)
}

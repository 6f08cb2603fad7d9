//! The memory of a cached token and of a trusted key, as the growth of the resident memory of a
//! process.

use std::fs;

use crate::group::{Comparison, Group, LIMIT, Samples, Target, Unit};
use crate::growth::{keys_with_tokens, with_tables};
use crate::keys::{Claims, KeySet};
use crate::process::ChildProcess;
use crate::selection::Run;
use crate::tokens::{issue_token, issuer, payload_len};
use crate::{process, verifiers};

/// The number of tokens before the first reading, so that the fixed memory of a process does not
/// count.
const BEFORE: usize = 1000;

/// The content whose memory a child process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    Tokens,
    /// Tokens whose claims are read twice, so that the cache contains an index of the claims too.
    ReadTokens,
    Keys,
}

const FILLINGS: [(Filling, &str, &str, Option<f64>, usize); 3] = [
    (Filling::Tokens, "tokens", "a cached token without its payload", Some(500.0), 100_000),
    (
        Filling::ReadTokens,
        "read-tokens",
        "the same, after its claims were read twice",
        None,
        100_000,
    ),
    (Filling::Keys, "keys", "a trusted key with a table", Some(31.0 * 1024.0), 1000),
];

impl Filling {
    pub(crate) fn named(wanted: &str) -> Option<Self> {
        FILLINGS.into_iter().find_map(|(filling, name, ..)| (name == wanted).then_some(filling))
    }
}

pub(crate) fn measure(run: &Run) -> Vec<Group> {
    FILLINGS
        .into_iter()
        .map(|(_, name, subject, limit, count)| grown(run, name, subject, limit, count))
        .collect()
}

fn grown(run: &Run, name: &str, subject: &str, limit: Option<f64>, count: usize) -> Group {
    let mut group = Group::new("memory", Unit::Bytes);
    group.comparisons = vec![Comparison::new(subject, LIMIT, limit.map(|_| Target::AtMost(1.0)))];
    if !group.is_needed(run) {
        return group;
    }
    let count = if run.brief { 1 } else { count };
    let mut child =
        ChildProcess::start(&[], &["fill", name, &count.to_string()], &KeySet::generate());
    let line = child.line();
    if line.is_empty() {
        group.notes.push(format!(
            "memory: skipped, because the system has no /proc/self/status: {subject}"
        ));
        return group;
    }
    let bytes = line.parse().expect("a number");
    group.samples = vec![Samples { name: subject.to_owned(), rounds: vec![bytes] }];
    group.add_limit(limit.unwrap_or(500.0));
    group
}

/// Runs in the child process. Prints the memory of one token without its payload, or of one key.
pub(crate) fn fill(filling: Filling, count: usize) {
    let keys: KeySet = process::input();
    let bytes = match filling {
        Filling::Keys => fill_keys(count),
        Filling::Tokens | Filling::ReadTokens => {
            fill_tokens(&keys, count, filling == Filling::ReadTokens)
        }
    };
    println!("{}", bytes.map_or_else(String::new, |bytes| bytes.to_string()));
}

fn fill_tokens(keys: &KeySet, count: usize, reads: bool) -> Option<f64> {
    let verifier =
        verifiers::cached_for(keys.public(), BEFORE + count).build().expect("a verifier");
    let issuer = issuer(keys.secret());
    let mut claims = 0;
    let mut verify = |number| {
        let token = issue_token(&issuer, number);
        let verified = verifier.verify_str(&token).expect("a token");
        for _ in 0..if reads { 2 } else { 0 } {
            let claims: Claims = verified.claims().expect("claims");
            assert_eq!(claims, Claims::of_user(number));
        }
        claims += payload_len(&token);
    };
    (0..BEFORE).for_each(&mut verify);
    let before = resident();
    (BEFORE..BEFORE + count).for_each(&mut verify);
    assert_eq!(verifier.token_cache_stats().entries, BEFORE + count, "a token was not cached");
    let claims = claims as f64 / (BEFORE + count) as f64;
    Some((resident()? - before?) / count as f64 - claims)
}

fn fill_keys(count: usize) -> Option<f64> {
    // The keys, the tokens and the fixed memory of a verifier must not count. So they are created
    // before the first reading.
    let (first, keys) = (keys_with_tokens(1), keys_with_tokens(count));
    let first = with_tables(&first);
    let before = resident();
    let verifier = with_tables(&keys);
    let after = resident();
    assert_eq!((first.precomputed_keys(), verifier.precomputed_keys()), (1, count));
    Some((after? - before?) / count as f64)
}

/// Returns the resident memory of this process in bytes.
pub(crate) fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024.0)
}

//! The memory of a cached token: the resident memory of a process that only fills a cache.

use std::fs;

use crate::{
    arguments::Run,
    group::{Comparison, Group, LIMIT, Samples, Side, Target, Unit},
    keys::{Keys, payload_len, token},
    process::{self, ChildProcess},
    verifiers,
};

const TOKENS: usize = 100_000;
/// The number of tokens before the first count, so that the memory of every process does not count.
const BEFORE: usize = 1000;
/// The most bytes of a cached token without its payload.
const MOST: f64 = 500.0;

pub(crate) fn measure(run: &Run) -> Group {
    const SUBJECT: &str = "a cached token without its payload";
    let mut group = Group::new("memory", Unit::Bytes);
    group.comparisons = vec![Comparison::new(SUBJECT, LIMIT, Some(Target::AtMost(1.0)))];
    if !group.is_needed(run) {
        return group;
    }
    let tokens = if run.brief { 1 } else { TOKENS };
    let mut child = ChildProcess::start(&[], &["fill-cache", &tokens.to_string()], &Keys::generate());
    let line = child.line();
    if line.is_empty() {
        group.notes.push("skipped, as the system does not tell what a process takes: memory".to_owned());
        return group;
    }
    let bytes = line.parse().expect("a number");
    group.samples = vec![Samples { name: SUBJECT.to_owned(), side: Side::Ours, rounds: vec![bytes] }];
    group.add_limit(MOST);
    group
}

/// Runs in the child process. It verifies this number of tokens, and prints the memory of one
/// without its payload.
pub(crate) fn fill(tokens: usize) {
    let keys: Keys = process::input();
    let cache = verifiers::cache_of(BEFORE + tokens);
    let verifier = verifiers::cached_in(keys.public(), &cache).build().expect("a verifier");
    let issuer = keys.issuer();
    let mut claims = 0;
    let mut show = |number| {
        let token = token(&issuer, number);
        verifier.verify_str(&token).expect("a token");
        claims += payload_len(&token);
    };
    (0..BEFORE).for_each(&mut show);
    let before = resident();
    (BEFORE..BEFORE + tokens).for_each(&mut show);
    assert_eq!(cache.len(), BEFORE + tokens, "a token was not kept");
    match before.zip(resident()) {
        Some((before, after)) => {
            let claims = claims as f64 / (BEFORE + tokens) as f64;
            println!("{}", (after - before) / tokens as f64 - claims);
        }
        None => println!(),
    }
}

/// The resident memory of this process, in bytes.
pub(crate) fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024.0)
}

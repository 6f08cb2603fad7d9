//! A token seen for the first time: ours, beside the bare signature check on the same bytes, and pasetors.
//!
//! `cargo bench -p paseto-actix-benches`. Divide medians of one run; absolute times say more of the machine.

use std::{cell::Cell, sync::LazyLock};

use divan::{Bencher, black_box};
use ed25519_dalek::Verifier as _;
use paseto_actix_benches::Bench;
use pasetors::{Public, public, token::UntrustedToken, version4::V4};

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

fn main() {
    divan::main();
}

/// Each index after the other, so that no token comes twice in a row.
fn next_index() -> usize {
    thread_local!(static NEXT: Cell<usize> = const { Cell::new(0) });
    let index = NEXT.get();
    NEXT.set((index + 1) % BENCH.tokens.len());
    index
}

#[divan::bench(sample_count = 2000)]
fn bare_dalek_verify(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(next_index).bench_values(|index| {
        let (message, signature) = &BENCH.signed[index];
        BENCH.dalek.verify(black_box(message), signature).expect("a signature");
    });
}

#[divan::bench(sample_count = 2000)]
fn bare_dalek_verify_strict(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(next_index).bench_values(|index| {
        let (message, signature) = &BENCH.signed[index];
        BENCH.dalek.verify_strict(black_box(message), signature).expect("a signature");
    });
}

#[divan::bench(sample_count = 2000)]
fn paseto_actix_verify_str(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(next_index)
        .bench_values(|index| BENCH.verifier.verify_str(black_box(&BENCH.tokens[index])).expect("a token"));
}

#[divan::bench(sample_count = 2000)]
fn pasetors_public_verify(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(next_index).bench_values(|index| {
        let token = UntrustedToken::<Public, V4>::try_from(black_box(BENCH.tokens[index].as_str())).expect("a token");
        public::verify(&BENCH.pasetors, &token, &BENCH.rules, None, None).expect("a token")
    });
}

# Recipes for contributors. `just` (https://just.systems) is optional: each recipe is a list of
# commands that you can also type. The recipes need a POSIX shell. They install no system package.

set positional-arguments

export CARGO_INCREMENTAL := "0"

# `.ci/run` has the same list.
features := "macros session remember sqlite redis redis-tls remote-keys password-keys utoipa conformance"

# List the recipes.
default:
    @just --list

# Check the format, the lints, the tests and the documentation, as CI does.
check: fmt-check lint test doc

# Run all tests, or the tests whose names contain FILTER. Missing programs skip tests.
test *FILTER:
    cargo test "$@"

# Run the tests of `api`. Fail if `redis-server` is missing. `just test-redis redis` runs fewer.
test-redis *FILTER:
    PASETO_ACTIX_REQUIRE=redis cargo test --test api -- "$@"

# Run the tests in a browser. Fail if Chromium or its driver is missing.
test-browser:
    PASETO_ACTIX_REQUIRE=browser cargo test --test api -- browser

# Create the Python environment of the interoperability tests in `target/python`.
python:
    python3 -m venv target/python
    target/python/bin/pip install --quiet -r tests/python/requirements.txt

# Run the tests with Python: Flask-PASETO-Extended, and the OpenAPI document of `noticeboard`.
interop: python
    PASETO_ACTIX_REQUIRE=python cargo test --test api -- interop

# Run the fuzz targets over their seeds, without a fuzzer. `just fuzz-test pem` runs one target.
fuzz-test *FILTER:
    cargo test --manifest-path fuzz/Cargo.toml "$@"

# Fuzz one target. Needs nightly Rust, a C++ compiler and `cargo-fuzz`. Default: ten minutes.
fuzz TARGET SECONDS="600":
    mkdir -p "fuzz/corpus/{{ TARGET }}"
    cargo +nightly fuzz run -s none --features libfuzzer "{{ TARGET }}" \
        "fuzz/corpus/{{ TARGET }}" "fuzz/seeds/{{ TARGET }}" \
        -- -max_total_time="{{ SECONDS }}" -max_len=4096

# Write the first seeds of all fuzz targets.
fuzz-seeds:
    cargo test --manifest-path fuzz/Cargo.toml -- --ignored write_seeds

# Check concurrent code under the schedules of shuttle. `just shuttle tables` runs one test.
shuttle *FILTER:
    cargo test --manifest-path model/Cargo.toml -- "$@"

# Run unit tests of the parsers in Miri. Needs nightly Rust with `miri` and `rust-src`.
miri:
    MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p paseto-actix --lib -- \
        token::structure token::claim_index cookie:: keyed_hash keys::text error::

# Change one module (or `macros`) in many places, one at a time, and expect that a test fails. Needs
# `cargo-mutants`. Commit first: the recipe changes the files of the working tree, and restores them.
# `just mutants token --shard 0/20` makes a part of the changes.
mutants MODULE *ARGUMENTS:
    #!/usr/bin/env sh
    set -eu
    shift
    export PASETO_ACTIX_MUTANTS="{{ MODULE }}" CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=false
    # The tests must pass before the first change. `.cargo/mutants.toml` has the same features.
    cargo test --quiet -p paseto-actix -p paseto-actix-tests --lib --test mutants \
        --no-default-features \
        --features macros,remember,remote-keys,password-keys,sqlite,conformance
    cargo mutants --in-place --baseline skip --timeout 300 --build-timeout 900 --output target \
        --file "paseto-actix/src/{{ MODULE }}.rs" --file "paseto-actix/src/{{ MODULE }}/**" \
        --file "paseto-actix-{{ MODULE }}/src/**" "$@"

# Write the expected error messages of the attribute. Needs the Rust release of `tests/ui/main.rs`.
bless:
    TRYBUILD=overwrite cargo test --test ui

# Format the code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml
    cargo fmt --manifest-path model/Cargo.toml

# Check the format.
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    cargo fmt --manifest-path model/Cargo.toml --check

# Run clippy. The benchmarks are a run of their own: their peers turn on more features of actix-web.
lint:
    cargo clippy --all-targets --all-features -- -D warnings
    cargo clippy --locked --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings
    cargo clippy --locked --manifest-path model/Cargo.toml --lib --tests -- -D warnings
    cargo clippy -p paseto-actix-benches -p paseto-actix-public-api --all-targets -- -D warnings

# Build the documentation. Arguments: for example `--open`.
doc *ARGUMENTS:
    RUSTDOCFLAGS="-D warnings" cargo doc --all-features --no-deps "$@"

# Run clippy and the tests without features, then with each feature alone.
features:
    #!/usr/bin/env sh
    set -eu
    # The package of the tests turns the feature `testing` on.
    cargo clippy -p paseto-actix --no-default-features -- -D warnings
    cargo clippy -p paseto-actix --no-default-features --features testing -- -D warnings
    for feature in "" {{ features }}; do
        echo "=== ${feature:-no features}"
        set -- -p paseto-actix -p paseto-actix-tests --no-default-features --features "$feature"
        cargo clippy "$@" --tests -- -D warnings
        cargo test --quiet "$@" --tests
    done

# Measure the speed. Arguments: see `benches/README.md`.
bench *ARGUMENTS:
    cargo bench -p paseto-actix-benches -- "$@"

# Call each benchmark once and check its response.
bench-test:
    cargo bench -p paseto-actix-benches -- --test

# Compile with the oldest supported Rust.
msrv:
    cargo +1.89 check --locked -p paseto-actix -p paseto-actix-macros --all-features

# Compile the last commit with the lowest versions that `Cargo.toml` allows. Needs nightly Rust.
minimal-versions:
    #!/usr/bin/env sh
    set -eu
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
    git clone --quiet . "$copy"
    cd "$copy"
    cargo +nightly update -Z direct-minimal-versions
    cargo +1.95.0 check --locked -p paseto-actix --all-features

# Write `docs/public-api.txt`, and check which crates the public API names. Needs Rust 1.95.0.
public-api:
    .ci/public-api

# Build the documentation as docs.rs does. Needs nightly Rust.
docs-rs:
    RUSTDOCFLAGS="--cfg docsrs -D warnings" \
        cargo +nightly doc -p paseto-actix --all-features --no-deps

# Compare the public API with a revision. Needs `cargo-semver-checks`.
semver REVISION="main":
    cargo semver-checks --package paseto-actix --all-features --baseline-rev "{{ REVISION }}"

# List the files of both packages, and compile the packages as users get them.
publish-check:
    cargo package --list -p paseto-actix-macros
    cargo package --list -p paseto-actix
    cargo publish --dry-run -p paseto-actix-macros -p paseto-actix

# Publish the last commit to a registry on 127.0.0.1, and use it from there with each feature.
rehearsal:
    .ci/rehearsal

# Count the crates that each feature alone brings, with those of the library without features.
tree:
    #!/usr/bin/env sh
    set -eu
    for feature in "" {{ features }} testing; do
        crates=$(cargo tree --locked -e normal --prefix none -p paseto-actix \
            --no-default-features --features "$feature" | sed 's/ (\*)$//' | sort -u | wc -l)
        echo "${feature:-no features}: $crates"
    done

# Write the README of the package, whose links differ from those of the repository.
readme:
    .ci/readme

# Check licenses, advisories and sources of the dependencies. Needs `cargo-deny`.
deny:
    cargo deny --all-features check

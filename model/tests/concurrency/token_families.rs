//! Refresh tokens of one login in two requests at the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use paseto_actix_model::clock::Clock;
use paseto_actix_model::revocation::MemoryRevocationStore;
use paseto_actix_model::token_family::{
    FamilyOwner, MemoryTokenFamilyStore, NewTokenFamily, RandomId, Rotation, RotationRequest,
    TokenFamilyStore,
};
use paseto_actix_model::{Issuer, LocalKey, RefreshTokens, SecretKey, Verifier};
use serde_json::json;

use super::{ISSUER, NOW, block_on, check, thread};

fn id() -> RandomId {
    RandomId::generate().unwrap()
}

fn owner() -> FamilyOwner<'static> {
    FamilyOwner::new("model", "ada")
}

/// Lets three requests rotate the same token at once. Returns each outcome with the next token of
/// its request, and the outcome of a later rotation of the new token.
fn rotate_at_once(
    clock: impl Clock,
    grace_period: Duration,
) -> (Vec<(Rotation, RandomId)>, Rotation) {
    let [family, first] = [id(), id()];
    let store = MemoryTokenFamilyStore::new(10).clock(clock);
    let lifetime = Duration::from_secs(3600);
    block_on(store.create(NewTokenFamily::new(owner(), family, first, lifetime))).unwrap();
    let rotate = move |store: &MemoryTokenFamilyStore, presented, next| {
        let request = RotationRequest::new(owner(), family, presented, next, grace_period);
        block_on(store.rotate(request)).unwrap()
    };
    let threads = [id(), id(), id()].map(|next| {
        let store = store.clone();
        thread::spawn(move || (rotate(&store, first, next), next))
    });
    let outcomes = threads.map(|thread| thread.join().unwrap());
    let is_rotated = |(outcome, _): &&(Rotation, RandomId)| *outcome == Rotation::Rotated;
    let winners: Vec<_> = outcomes.iter().filter(is_rotated).collect();
    let [(_, winner)] = winners[..] else { panic!("not one new token: {outcomes:?}") };
    let later = rotate(&store, *winner, id());
    (outcomes.to_vec(), later)
}

#[test]
fn one_of_three_requests_rotates_a_token_and_the_others_get_the_same_next_token() {
    check(2_000, || {
        let (outcomes, later) = rotate_at_once(|| NOW, Duration::from_secs(10));
        let (_, winner) = *outcomes.iter().find(|(kind, _)| *kind == Rotation::Rotated).unwrap();
        let superseded = Rotation::Superseded { current: winner };
        assert_eq!(outcomes.iter().filter(|(kind, _)| *kind == superseded).count(), 2);
        assert_eq!(later, Rotation::Rotated);
    });
}

#[test]
fn after_the_grace_period_the_second_of_three_requests_revokes_the_family() {
    check(2_000, || {
        // Each reading of the clock is a second after the last one.
        let seconds = AtomicU64::new(0);
        let clock = move || NOW + Duration::from_secs(seconds.fetch_add(1, Ordering::SeqCst));
        let (outcomes, later) = rotate_at_once(clock, Duration::ZERO);
        for expected in [Rotation::Rotated, Rotation::Reused, Rotation::Unknown] {
            assert_eq!(outcomes.iter().filter(|(kind, _)| *kind == expected).count(), 1);
        }
        assert_eq!(later, Rotation::Unknown);
    });
}

/// The new pair of a refresh during the logout is not valid after the logout.
#[test]
fn refresh_that_a_logout_overtakes_leaves_no_valid_token() {
    let (key, local) = (SecretKey::generate(), LocalKey::generate());
    check(500, move || {
        let revocations = MemoryRevocationStore::new(10).clock(|| NOW);
        let issuer = Issuer::builder(ISSUER).key(key.clone()).clock(|| NOW).build().unwrap();
        let verifier = Verifier::builder()
            .trust(ISSUER, key.public_key())
            .revocation_store(revocations.clone())
            .clock(|| NOW)
            .build()
            .unwrap();
        let tokens = RefreshTokens::builder(issuer, local.clone())
            .application("model")
            .token_family_store(MemoryTokenFamilyStore::new(10).clock(|| NOW))
            .revocation_store(revocations)
            .clock(|| NOW)
            .build()
            .unwrap();
        let pair = block_on(tokens.login("ada")).unwrap().issue(&json!({})).unwrap();
        let refresh = {
            let (tokens, token) = (tokens.clone(), pair.refresh_token.clone());
            thread::spawn(move || {
                let login = block_on(tokens.refresh(&token)).ok()?;
                login.issue(&json!({})).ok()
            })
        };
        let log_out = {
            let tokens = tokens.clone();
            thread::spawn(move || block_on(tokens.logout_all("ada")).unwrap())
        };
        let renewed = refresh.join().unwrap();
        log_out.join().unwrap();
        for pair in [Some(pair), renewed].into_iter().flatten() {
            let access = block_on(verifier.verify_str_async(&pair.access_token));
            assert!(access.is_err(), "the access token is revoked");
            let refreshed = block_on(tokens.refresh(&pair.refresh_token));
            assert!(refreshed.is_err(), "the refresh token is revoked");
        }
        // A login after the logout is valid.
        let pair = block_on(tokens.login("ada")).unwrap().issue(&json!({})).unwrap();
        block_on(verifier.verify_str_async(&pair.access_token)).unwrap();
    });
}

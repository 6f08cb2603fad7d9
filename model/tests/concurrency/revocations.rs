//! Revocations during queries.

use std::time::Duration;

use paseto_actix_model::revocation::{
    CachedRevocationStore, MemoryRevocationStore, RevocationQuery, RevocationStore,
};

use super::{ISSUER, NOW, block_on, check, thread};

const MINUTE: Duration = Duration::from_secs(60);

fn query<'a>(generation: u64) -> RevocationQuery<'a> {
    RevocationQuery::new(ISSUER, "id").of_subject(Some("ada"), generation)
}

/// Returns whether each of some queries in a row found the token revoked.
fn query_often(store: impl RevocationStore, generation: u64) -> Vec<bool> {
    (0..3).map(|_| block_on(store.is_revoked(query(generation))).unwrap()).collect()
}

fn cached() -> CachedRevocationStore<MemoryRevocationStore> {
    let store = MemoryRevocationStore::new(10).clock(|| NOW);
    CachedRevocationStore::new(store, MINUTE).clock(|| NOW)
}

#[test]
fn revocation_through_a_cache_is_final() {
    check(2_000, || {
        let store = cached();
        let queries = [store.clone(), store.clone()]
            .map(|store| thread::spawn(move || query_often(store, 0)));
        let revocation = {
            let store = store.clone();
            thread::spawn(move || {
                block_on(store.revoke(ISSUER, "id", NOW + MINUTE)).unwrap();
                assert!(block_on(store.is_revoked(query(0))).unwrap(), "its own revocation");
            })
        };
        for results in queries.map(|thread| thread.join().unwrap()) {
            assert!(results.is_sorted(), "a revoked token is valid again: {results:?}");
        }
        revocation.join().unwrap();
        assert!(block_on(store.is_revoked(query(0))).unwrap());
    });
}

#[test]
fn two_revocations_of_a_subject_revoke_all_earlier_logins() {
    check(2_000, || {
        let store = cached();
        let revocations = [(), ()].map(|()| {
            let store = store.clone();
            thread::spawn(move || {
                block_on(store.revoke_subject(ISSUER, "ada", None, NOW + MINUTE)).unwrap()
            })
        });
        // A login reads the generation, and its token is then queried.
        let login = {
            let store = store.clone();
            thread::spawn(move || {
                let generation = block_on(store.generation(ISSUER, "ada")).unwrap();
                (generation, query_often(store, generation))
            })
        };
        let generations = revocations.map(|thread| thread.join().unwrap());
        assert_ne!(generations[0], generations[1], "each revocation has its own generation");
        let last = generations.into_iter().max().unwrap();
        let (generation, results) = login.join().unwrap();
        assert!(results.is_sorted(), "a revoked login is valid again: {results:?}");
        assert_eq!(block_on(store.is_revoked(query(generation))).unwrap(), generation < last);
        assert!(!block_on(store.is_revoked(query(last))).unwrap());
    });
}

use super::*;
use crate::keys::SecretKey;

fn shared(count: usize, max_tables: usize) -> (Arc<SharedTrustedKeys>, Vec<Arc<IssuerKey>>) {
    let mut keys = TrustedKeys::default();
    for _ in 0..count {
        let key = SecretKey::generate().public_key();
        let key = IssuerKey::new("https://issuer.example", &key, Origin::Fixed);
        keys.insert(key.expect("a valid key")).expect("a new key");
    }
    let in_order = keys.candidates("https://issuer.example").cloned().collect();
    (SharedTrustedKeys::new(keys, max_tables), in_order)
}

#[test]
fn the_number_of_tables_does_not_exceed_the_maximum() {
    let (shared, keys) = shared(3, 2);
    keys.iter().for_each(|key| shared.build_table(key));
    assert_eq!(
        keys.iter().map(|key| key.verification.has_table()).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert!(shared.is_full.load(Ordering::Relaxed), "the third key must not start a thread");

    let first = &keys[0].signer.kid;
    assert_eq!(shared.remove(|signer| signer.kid == *first).len(), 1);
    assert_eq!(shared.table_count(), 1);
    assert!(
        !shared.is_full.load(Ordering::Relaxed),
        "the removal must make room for the third key"
    );
    shared.build_table(&keys[2]);
    assert_eq!(shared.table_count(), 2);
}

#[test]
fn a_maximum_of_0_starts_no_thread() {
    let (shared, keys) = shared(2, 0);
    assert!(shared.is_full.load(Ordering::Relaxed));
    let first = &keys[0].signer.kid;
    assert_eq!(shared.remove(|signer| signer.kid == *first).len(), 1);
    assert!(
        shared.is_full.load(Ordering::Relaxed),
        "a removal must not make room if the maximum is 0"
    );
    shared.build_table(&keys[1]);
    assert_eq!(shared.table_count(), 0);
}

/// A test cannot stop the clock at this moment: a thread has found a key before another thread
/// removes it.
#[test]
fn removing_a_key_marks_the_signer_that_a_thread_already_found() {
    let (shared, keys) = shared(2, 0);
    let signer = Arc::clone(&shared.current().by_kid(&keys[1].signer.kid)[0].signer);
    assert!(!signer.is_removed());
    assert_eq!(shared.remove(|signer| signer.kid == keys[1].signer.kid).len(), 1);
    assert!(signer.is_removed() && !keys[0].signer.is_removed());
    assert!(shared.current().by_kid(&keys[1].signer.kid).is_empty());
    assert_eq!(shared.current().candidates("https://issuer.example").count(), 1);
}

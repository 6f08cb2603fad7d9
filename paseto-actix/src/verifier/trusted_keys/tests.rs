use super::*;
use crate::keys::SecretKey;

fn shared(count: usize, max_tables: usize) -> (Arc<SharedTrustedKeys>, Vec<Arc<IssuerKey>>) {
    let mut keys = TrustedKeys::default();
    for _ in 0..count {
        let key = IssuerKey::new("https://issuer.example", &SecretKey::generate().public_key());
        keys.insert(key.expect("a key to be trusted")).expect("a new key");
    }
    let in_order = keys.candidates("https://issuer.example").cloned().collect();
    (SharedTrustedKeys::new(keys, max_tables), in_order)
}

#[test]
fn no_more_tables_than_the_maximum() {
    let (shared, keys) = shared(3, 2);
    keys.iter().for_each(|key| shared.build_table(key));
    assert_eq!(
        keys.iter().map(|key| key.verification.has_table()).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert!(shared.is_full.load(Ordering::Relaxed), "no thread starts for the third key");

    let first = &keys[0].signer.kid;
    assert!(shared.remove(|signer| signer.kid == *first));
    assert_eq!(shared.table_count(), 1);
    assert!(!shared.is_full.load(Ordering::Relaxed), "there is room for the third key");
    shared.build_table(&keys[2]);
    assert_eq!(shared.table_count(), 2);
}

#[test]
fn a_maximum_of_0_starts_no_thread() {
    let (shared, keys) = shared(2, 0);
    assert!(shared.is_full.load(Ordering::Relaxed));
    let first = &keys[0].signer.kid;
    assert!(shared.remove(|signer| signer.kid == *first));
    assert!(shared.is_full.load(Ordering::Relaxed), "a key that is removed makes no room");
    shared.build_table(&keys[1]);
    assert_eq!(shared.table_count(), 0);
}

/// The clock of a test cannot reach this moment: a thread has found a key before it was removed.
#[test]
fn a_removed_key_marks_what_was_found_before() {
    let (shared, keys) = shared(2, 0);
    let signer = Arc::clone(&shared.current().by_kid(&keys[1].signer.kid).expect("a key").signer);
    assert!(!signer.is_removed());
    assert!(shared.remove(|signer| signer.kid == keys[1].signer.kid));
    assert!(signer.is_removed() && !keys[0].signer.is_removed());
    assert!(shared.current().by_kid(&keys[1].signer.kid).is_none());
    assert_eq!(shared.current().candidates("https://issuer.example").count(), 1);
}

//! Key files. A schedule that is read and written is read as the same schedule. Exactly one key is
//! active. Errors contain no key.

use paseto_actix::keys::{KeySchedule, KeyState, RingKey};
use paseto_actix::{LocalKey, SecretKey};
use time::Duration;

use crate::fixtures::{NOW, assert_no_secret, without_ids};

/// Reads one file as signing keys and as symmetric keys.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let is_signing = check::<SecretKey>(text);
    let is_symmetric = check::<LocalKey>(text);
    assert!(!(is_signing && is_symmetric));
}

fn check<K: RingKey>(text: &str) -> bool {
    let schedule = match KeySchedule::<K>::from_json(text) {
        Ok(schedule) => schedule,
        Err(error) => {
            // The error for a wrong `kid` contains the right one.
            assert_no_secret(&without_ids(&format!("{error} {error:?}")), text);
            return false;
        }
    };
    let written = schedule.to_json();
    let read = KeySchedule::<K>::from_json(&written).expect("a schedule");
    assert_eq!(*read.to_json(), *written);
    for years in [-30, 0, 30, 300] {
        let now = NOW + Duration::days(365 * years);
        let statuses = schedule.statuses(now);
        let is_active = |state: KeyState| state == KeyState::Active;
        let count = statuses.iter().filter(|status| is_active(status.state)).count();
        assert!(count <= 1, "{count} active keys");
        assert!(count == 1 || statuses.iter().all(|status| status.state == KeyState::Announced));
        let same = read.statuses(now);
        assert_eq!(format!("{statuses:?}"), format!("{same:?}"));
    }
    true
}

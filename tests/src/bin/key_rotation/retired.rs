//! Sends tokens of all keys, also of retired and removed ones, to both resource services.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use paseto_actix::time::OffsetDateTime;

use crate::World;
use crate::connections::{Connections, get};
use crate::counts::Count;
use crate::keys::Trust;
use crate::services::Resources;

const PAUSE: Duration = Duration::from_millis(500);

/// Checks all keys until the end of the program.
///
/// Each key has two tokens, which are valid except for their key: a token from the time when the
/// key was active, which a cache may contain, and a new token for each check.
pub(crate) fn watch(world: &World) {
    let mut connections = Connections::default();
    let mut first_tokens: Vec<Option<String>> = vec![None; world.keys.len()];
    while !world.is_over() {
        for (key, first) in first_tokens.iter_mut().enumerate() {
            if world.keys.trust(key, OffsetDateTime::now_utc()) == Trust::Unused {
                continue;
            }
            let new = match world.keys.long_token(key) {
                Ok(token) => token,
                Err(error) => return world.counts.fault(Count::WrongKey, &error.to_string()),
            };
            let first = first.get_or_insert_with(|| new.clone());
            for token in [&new, first] {
                for (position, service) in Resources::all().into_iter().enumerate() {
                    check(world, &mut connections, key, token, (position, service));
                }
            }
        }
        thread::sleep(PAUSE);
    }
}

fn check(
    world: &World,
    connections: &mut Connections,
    key: usize,
    token: &str,
    (position, index): (usize, usize),
) {
    let service = world.services.get(index);
    let had_keys_before = service.has_keys();
    let before = world.keys.trust(key, OffsetDateTime::now_utc());
    let Some((response, _)) = connections.send(world, index, &get("/orders", token)) else {
        return;
    };
    let had_keys = had_keys_before && service.has_keys();
    let now = OffsetDateTime::now_utc();
    // During the request, the correct response can change.
    let trust = if before == world.keys.trust(key, now) { before } else { Trust::Undecided };
    let describe =
        || format!("{}: token of key {key}, {trust:?}: {}", service.name(), response.head);

    let (counts, of_key) = (&world.counts, world.counts.key(key));
    match (response.status, trust) {
        (200, Trust::Accepted) => {
            counts.add(Count::Accepted);
            of_key.accepted.fetch_add(1, Ordering::Relaxed);
        }
        (401, Trust::Accepted) => counts.fault(Count::Rejected, &describe()),
        (200, Trust::Undecided) => {
            if let Some(removal) = world.keys.removal(key) {
                let millis = u64::try_from((now - removal).whole_milliseconds()).unwrap_or(0);
                of_key.last_accepted_millis.fetch_max(millis, Ordering::Relaxed);
            }
        }
        (401, Trust::Undecided) => {}
        (200, Trust::Rejected) => {
            of_key.wrongly_accepted.fetch_add(1, Ordering::Relaxed);
            counts.describe(&describe());
        }
        (401, Trust::Rejected) => {
            of_key.rejected[position].fetch_add(1, Ordering::Relaxed);
        }
        (503, _) if !had_keys => counts.add(Count::UnavailableWithoutKeys),
        (503, _) => counts.fault(Count::Unavailable, &describe()),
        _ => counts.fault(Count::OtherStatus, &describe()),
    }
}

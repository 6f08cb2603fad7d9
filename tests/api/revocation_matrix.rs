//! The credentials that each event revokes from the next request, and the credentials that stay
//! valid.

use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::for_each_event;
use paseto_actix_tests::logins::event::{Column, Event};
use paseto_actix_tests::logins::world::World;
use time::Duration;

/// Generates one module for each event, with one test for each kind of credential, in memory, in
/// a state file and on Redis.
macro_rules! cells {
    ($($row:ident: $event:ident,)*) => {
        $(mod $row {
            cells!(@columns $event: access_tokens AccessTokens, refresh_tokens RefreshTokens, sessions Sessions,
                remembered_logins RememberedLogins);
        })*
    };
    (@columns $event:ident: $($name:ident $column:ident),*) => {
        mod in_memory {
            $(#[actix_web::test]
            async fn $name() {
                crate::revocation_matrix::in_memory(super::super::Event::$event, super::super::Column::$column).await;
            })*
        }
        #[cfg(feature = "sqlite")]
        mod in_a_state_file {
            $(#[actix_web::test]
            async fn $name() {
                crate::revocation_matrix::sqlite::check(super::super::Event::$event, super::super::Column::$column).await;
            })*
        }
        #[cfg(feature = "redis")]
        mod on_redis {
            $(#[actix_web::test]
            async fn $name() {
                crate::revocation_matrix::redis::check(super::super::Event::$event, super::super::Column::$column).await;
            })*
        }
    };
}

for_each_event!(cells);

async fn in_memory(event: Event, column: Column) {
    let mut world = World::in_memory(&TestClock::new()).await;
    world.happen(event).await;
    world.assert(event, column).await;
}

/// Tokens that the issuer issues directly expire after one hour, tokens of logins after 15 minutes.
#[actix_web::test]
async fn directly_issued_token_stays_revoked_until_it_expires() {
    let clock = TestClock::new();
    for event in [Event::LogoutAll, Event::AppLogoutOthers] {
        let mut world = World::in_memory(&clock).await;
        world.happen(event).await;
        for minutes in [0, 29, 30] {
            clock.advance(Duration::minutes(minutes));
            world.assert_own_tokens(true).await;
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use paseto_actix_tests::clock::TestClock;
    use paseto_actix_tests::logins::event::{Column, Event};
    use paseto_actix_tests::logins::world::World;
    use paseto_actix_tests::state_file::StateFile;

    pub(super) async fn check(event: Event, column: Column) {
        let (file, clock) = (StateFile::new(), TestClock::new());
        let state = file.open(clock.clone());
        let (revocations, families) = (state.revocation_store(), state.token_family_store());
        let mut world = World::here(clock, revocations, families).await;
        world.happen(event).await;
        world.assert(event, column).await;
    }
}

#[cfg(feature = "redis")]
mod redis {
    use paseto_actix::RedisStore;
    use paseto_actix::clock::SystemClock;

    use paseto_actix_tests::logins::TIMEOUT;
    use paseto_actix_tests::logins::event::{Column, Event};
    use paseto_actix_tests::logins::world::World;
    use paseto_actix_tests::redis::Redis;
    use time::Duration;

    async fn world(redis: &Redis) -> World {
        let revocations =
            RedisStore::builder(redis.url()).timeout(TIMEOUT).build().unwrap().revocation_store();
        let family =
            RedisStore::builder(redis.url()).timeout(TIMEOUT).build().unwrap().token_family_store();
        World::here(SystemClock, revocations, family).await
    }

    pub(super) async fn check(event: Event, column: Column) {
        let Some(redis) = Redis::start() else { return };
        let mut world = world(&redis).await;
        world.happen(event).await;
        world.assert(event, column).await;
    }

    #[actix_web::test]
    async fn directly_issued_token_stays_revoked_until_it_expires() {
        let Some(redis) = Redis::start() else { return };
        let mut world = world(&redis).await;
        world.happen(Event::LogoutAll).await;
        redis.advance(Duration::minutes(59));
        world.assert_own_tokens(true).await;
    }
}

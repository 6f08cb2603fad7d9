//! The logins that an event ends, from the next request on, and those that it does not end.

use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::for_each_event;
use paseto_actix_tests::logins::world::{Column, Event, World};
use time::Duration;

/// One module for each event, with one test for each column, in memory and on Redis.
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
                crate::what_ends_what::in_memory(super::super::Event::$event, super::super::Column::$column).await;
            })*
        }
        #[cfg(feature = "redis")]
        mod on_redis {
            $(#[actix_web::test]
            async fn $name() {
                crate::what_ends_what::redis::check(super::super::Event::$event, super::super::Column::$column).await;
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

/// The issuer's own tokens live for an hour, and those of logins for 15 minutes.
#[actix_web::test]
async fn an_own_token_of_the_issuer_stays_rejected_until_it_expires() {
    let clock = TestClock::new();
    for event in [Event::LogoutAll, Event::OthersOfApp] {
        let mut world = World::in_memory(&clock).await;
        world.happen(event).await;
        for minutes in [0, 29, 30] {
            clock.advance(Duration::minutes(minutes));
            world.assert_own_tokens(true).await;
        }
    }
}

#[cfg(feature = "redis")]
mod redis {
    use paseto_actix::clock::SystemClock;
    use paseto_actix::revocation::RedisRevocationStore;
    use paseto_actix::token_family::RedisTokenFamilyStore;
    use paseto_actix_tests::logins::TIMEOUT;
    use paseto_actix_tests::logins::world::{Column, Event, World};
    use paseto_actix_tests::redis::Redis;
    use time::Duration;

    async fn world(redis: &Redis) -> World {
        let revocations =
            RedisRevocationStore::builder(redis.url()).timeout(TIMEOUT).build().unwrap();
        let family = RedisTokenFamilyStore::builder(redis.url()).timeout(TIMEOUT).build().unwrap();
        World::here(SystemClock, revocations, family).await
    }

    pub(super) async fn check(event: Event, column: Column) {
        let Some(redis) = Redis::start() else { return };
        let mut world = world(&redis).await;
        world.happen(event).await;
        world.assert(event, column).await;
    }

    #[actix_web::test]
    async fn an_own_token_of_the_issuer_stays_rejected_until_it_expires() {
        let Some(redis) = Redis::start() else { return };
        let mut world = world(&redis).await;
        world.happen(Event::LogoutAll).await;
        redis.advance(Duration::minutes(59));
        world.assert_own_tokens(true).await;
    }
}

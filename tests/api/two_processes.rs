//! Two servers of an application on one Redis: an event at one of them counts at the other, from the
//! next request on.

use paseto_actix_tests::for_each_event;
use paseto_actix_tests::logins::world::{Column, Event, World};
use paseto_actix_tests::logins::{Keys, Place, Server};
use paseto_actix_tests::redis::Redis;

/// Lets an event happen at the first server, and looks at all credentials at the second. A third
/// server runs another application, with the same keys and a user of the same id.
async fn check(event: Event) {
    let Some(redis) = Redis::start() else { return };
    let keys = Keys::generate();
    let server = |name| {
        Place::There(Server::start(env!("CARGO_BIN_EXE_login_server"), name, &keys, &redis.url()))
    };
    let mut world = World::new([server("shop"), server("shop")], server("forum")).await;
    world.happen(event).await;
    for column in
        [Column::AccessTokens, Column::Sessions, Column::RefreshTokens, Column::RememberedLogins]
    {
        world.assert(event, column).await;
    }
}

macro_rules! rows {
    ($($name:ident: $event:ident,)*) => {
        $(#[actix_web::test]
        async fn $name() {
            check(Event::$event).await;
        })*
    };
}

for_each_event!(rows);

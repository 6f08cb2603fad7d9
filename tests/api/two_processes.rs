//! Two servers of an application share one Redis server. A revocation on one server is effective on
//! the other server from the next request.

use paseto_actix_tests::for_each_event;
use paseto_actix_tests::logins::event::{Column, Event};
use paseto_actix_tests::logins::world::World;
use paseto_actix_tests::logins::{Keys, Place, Server};
use paseto_actix_tests::redis::Redis;

/// Triggers the event on the first server and checks all credentials on the second server. A third
/// server runs another application with the same keys and a user with the same ID.
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

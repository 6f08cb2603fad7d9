//! Two servers of an application share one Redis server or one state file. A revocation on one server is effective on
//! the other server from the next request.

use paseto_actix_tests::for_each_event;
use paseto_actix_tests::logins::event::{Column, Event};
use paseto_actix_tests::logins::world::World;
use paseto_actix_tests::logins::{Keys, Place, Server};
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::state_file::StateFile;

/// Triggers the event on the first server and checks all credentials on the second server. A third
/// server runs another application with the same keys and a user with the same ID.
async fn check(event: Event, (variable, value): (&str, &str)) {
    let keys = Keys::generate();
    let server = |name| {
        let program = env!("CARGO_BIN_EXE_login_server");
        Place::There(Server::start(program, name, &keys, (variable, value)))
    };
    let mut world = World::new([server("shop"), server("shop")], server("forum")).await;
    world.happen(event).await;
    for column in
        [Column::AccessTokens, Column::Sessions, Column::RefreshTokens, Column::RememberedLogins]
    {
        world.assert(event, column).await;
    }
}

async fn check_redis(event: Event) {
    let Some(redis) = Redis::start() else { return };
    check(event, ("REDIS_URL", &redis.url())).await;
}

async fn check_state_file(event: Event) {
    let file = StateFile::new();
    check(event, ("STATE_FILE", file.path().to_str().unwrap())).await;
}

macro_rules! rows {
    ($($name:ident: $event:ident,)*) => {
        $(mod $name {
            #[actix_web::test]
            async fn on_redis() {
                crate::two_processes::check_redis(super::Event::$event).await;
            }

            #[actix_web::test]
            async fn in_a_state_file() {
                crate::two_processes::check_state_file(super::Event::$event).await;
            }
        })*
    };
}

for_each_event!(rows);

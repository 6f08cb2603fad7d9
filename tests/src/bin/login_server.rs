//! A server of the application of the module `logins`, for tests with several processes.
//! Environment variables contain the name of the application, its keys, and the path of its state
//! file or the URL of its Redis.

use std::env;
use std::error::Error;
use std::net::TcpListener;

use actix_web::{App, HttpServer};
use paseto_actix::clock::SystemClock;
use paseto_actix::{LocalKey, RedisStore, SecretKey, SqliteStore};
use paseto_actix_tests::logins::{Keys, Logins, TIMEOUT};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local = LocalKey::from_paserk(&env::var("LOCAL_KEY")?)?;
    let secret = SecretKey::from_paserk(&env::var("SECRET_KEY")?)?;
    let (name, keys) = (env::var("APPLICATION")?, Keys { local, secret });
    let logins = if let Some(path) = env::var_os("STATE_FILE") {
        let state = SqliteStore::builder(path).timeout(TIMEOUT).build()?;
        let (revocations, family) = (state.revocation_store(), state.token_family_store());
        Logins::new(&name, &keys, SystemClock, revocations, family)
    } else {
        let redis = RedisStore::builder(env::var("REDIS_URL")?).timeout(TIMEOUT).build()?;
        let (revocations, family) = (redis.revocation_store(), redis.token_family_store());
        Logins::new(&name, &keys, SystemClock, revocations, family)
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = move || App::new().wrap(logins.layer.clone()).configure(logins.clone().routes());
    HttpServer::new(app).workers(2).listen(listener)?.run().await?;
    Ok(())
}

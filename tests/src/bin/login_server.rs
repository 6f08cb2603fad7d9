//! A server of the application of the module `logins`, for tests with several processes.
//! Environment variables contain the name of the application, its keys and the URL of its Redis.

use std::env;
use std::error::Error;
use std::net::TcpListener;

use actix_web::{App, HttpServer};
use paseto_actix::RedisStore;
use paseto_actix::clock::SystemClock;
use paseto_actix::{LocalKey, SecretKey};
use paseto_actix_tests::logins::{Keys, Logins, TIMEOUT};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local = LocalKey::from_paserk(&env::var("LOCAL_KEY")?)?;
    let secret = SecretKey::from_paserk(&env::var("SECRET_KEY")?)?;
    let redis = env::var("REDIS_URL")?;
    let revocations = RedisStore::builder(&redis).timeout(TIMEOUT).build()?.revocation_store();
    let family = RedisStore::builder(&redis).timeout(TIMEOUT).build()?.token_family_store();
    let logins = Logins::new(
        &env::var("APPLICATION")?,
        &Keys { local, secret },
        SystemClock,
        revocations,
        family,
    );
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = move || App::new().wrap(logins.layer.clone()).configure(logins.clone().routes());
    HttpServer::new(app).workers(2).listen(listener)?.run().await?;
    Ok(())
}

//! Remote keys over TLS.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, process};

use paseto_actix::SecretKey;
use paseto_actix::key_set::KeySetSource;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::certificates::{Certificates, expire};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::key_server::{KeyServer, Reply, key_set, response};
use paseto_actix_tests::remote_keys::{builder, source, status, wait_for_fetch};
use paseto_actix_tests::require::found_or_skipped;

/// A folder with certificates. It is removed when the value is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns `None` if the command `openssl` is missing.
fn certificates(name: &str) -> Option<(Folder, Certificates)> {
    let openssl = process::Command::new("openssl").arg("version").output().ok();
    found_or_skipped(openssl, "redis", "the command `openssl`")?;
    let folder = env::temp_dir().join(format!("paseto-actix-{}-{name}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let files = Certificates::of_localhost(&folder);
    Some((Folder(folder), files))
}

fn keys() -> Reply {
    key_set(ISSUER, &[SecretKey::generate().public_key()])
}

/// Returns the error of a fetch, or an empty string.
async fn error_of(source: KeySetSource) -> String {
    let verifier = builder(&TestClock::new(), source).build().unwrap();
    wait_for_fetch(&verifier).await;
    status(&verifier).last_error.unwrap_or_default()
}

#[actix_web::test]
async fn certificates_are_verified() {
    let Some((_folder, files)) = certificates("verified") else { return };
    let server = KeyServer::start_tls(keys(), &files);
    let authority = fs::read(&files.authority).unwrap();
    let trusted = |url: String| {
        KeySetSource::url(url).timeout(Duration::from_secs(30)).root_certificates(authority.clone())
    };
    assert_eq!(error_of(trusted(server.url())).await, "");
    assert_eq!(error_of(trusted(server.url_of("localhost"))).await, "");
    assert_eq!(server.hits(), 2);
    // The operating system does not know the authority.
    let unknown = error_of(source(&server)).await;
    assert!(
        unknown.contains("UnknownIssuer") || unknown.contains("no root certificates"),
        "{unknown}"
    );
    // Another name of the same address, which the certificate does not contain.
    let wrong_name = error_of(trusted(server.url_of("[::ffff:127.0.0.1]"))).await;
    assert!(wrong_name.contains("not valid for name"), "{wrong_name}");
    assert_eq!(server.hits(), 2, "the client must close the connection before its request");
}

#[actix_web::test]
async fn an_expired_certificate_is_rejected() {
    let Some((_folder, files)) = certificates("expired") else { return };
    expire(&files);
    let server = KeyServer::start_tls(keys(), &files);
    let source = source(&server);
    let error = error_of(source.root_certificates(fs::read(&files.authority).unwrap())).await;
    assert!(error.contains("Expired"), "{error}");
}

#[actix_web::test]
async fn a_redirect_to_plain_http_is_rejected() {
    let Some((_folder, files)) = certificates("redirect") else { return };
    let plain = KeyServer::start(keys());
    let location = format!("Location: {}", plain.url());
    let server = KeyServer::start_tls(response("302 Found", &[&location], ""), &files);
    let source = source(&server);
    let source = source.root_certificates(fs::read(&files.authority).unwrap());
    let error = error_of(source.dangerously_allow_plain_http()).await;
    assert!(error.starts_with("expected a redirect to the same scheme"), "{error}");
    assert_eq!(plain.hits(), 0);
}

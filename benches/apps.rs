//! The applications. Each handler returns an email address as JSON.

use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;

use actix_jwt::{ActixJwtMiddleware, extract_claims};
use actix_session::config::CookieContentSecurity;
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::error::{ErrorInternalServerError, ErrorUnauthorized};
use actix_web::web::{Data, Json, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, cookie, web};
use actix_web_httpauth::extractors::bearer::BearerAuth;
use futures_util::FutureExt;
use paseto_actix::key_set;
use paseto_actix::key_set::{KeySetError, KeySetSource};
use paseto_actix::{LocalKey, Paseto, PasetoRequired, PasetoSession, Verifier, paseto_required};
use pasetors::Public;
use pasetors::claims::ClaimsValidationRules;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::V4;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::keys::{Claims, ISSUER, KeySet};
use crate::stores::Refresher;
use crate::subjects::App;
use crate::{jwt, stores, verifiers};

/// The input of a process that builds an application.
#[derive(Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) keys: KeySet,
    /// The URL of the Redis of this run.
    pub(crate) redis: Option<String>,
    /// A folder for files. The run removes it at its end.
    pub(crate) folder: PathBuf,
}

pub(crate) fn configure(app: App, setting: &Setting, config: &mut ServiceConfig) {
    let keys = &setting.keys;
    let me = || web::resource("/me");
    match app {
        App::Bare => config.service(me().get(bare)),
        App::Attribute => config.app_data(verifier(keys)).service(me().get(attribute)),
        App::AttributeUncached => {
            let verifier = verifiers::uncached([keys.public()]).build().expect("a verifier");
            config.app_data(verifier).service(me().get(attribute))
        }
        App::Middleware => {
            config.app_data(verifier(keys)).service(me().wrap(PasetoRequired::new()).get(claims))
        }
        App::RemoteKeys => {
            let key_set = key_set::KeySet::new(ISSUER, [keys.public()]).expect("a key set");
            let source =
                KeySetSource::from_fn(move || ready(Ok::<_, KeySetError>(key_set.clone())));
            let verifier = Verifier::builder().remote_keys(ISSUER, source).build();
            config.app_data(verifier.expect("a verifier")).service(me().get(attribute))
        }
        App::Revocations(store) => {
            let verifier = stores::verifier(store, setting);
            config.app_data(verifier).service(me().get(attribute))
        }
        App::Refresh(store) => {
            let (verifier, refresher) = stores::refresher(store, setting);
            config.app_data(verifier).app_data(Data::new(refresher)).service(me().get(refresh))
        }
        App::Session => {
            let session = PasetoSession::builder(LocalKey::generate()).build().expect("a session");
            config
                .service(web::resource("/fill").wrap(session.clone()).get(fill))
                .service(web::resource("/change").wrap(session.clone()).get(change))
                .service(me().wrap(session).get(read))
        }
        App::CookieSessionStore => {
            let key = cookie::Key::generate();
            let session = || {
                SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
                    .cookie_content_security(CookieContentSecurity::Private)
                    .build()
            };
            config
                .service(web::resource("/fill").wrap(session()).get(fill))
                .service(web::resource("/change").wrap(session()).get(change))
                .service(me().wrap(session()).get(read))
        }
        App::Httpauth(format) => config
            .app_data(Data::new(jwt::Verifier::new(keys, format)))
            .service(me().get(json_web_token)),
        App::Pasetors => {
            config.app_data(Data::new(PasetorsVerifier::new(keys))).service(me().get(by_pasetors))
        }
        App::ActixJwt => {
            let mut middleware = ActixJwtMiddleware::new();
            middleware.key = keys.hmac().to_vec();
            // The middleware requires an authenticator, although no user logs in.
            middleware.authenticator = Some(Arc::new(|_, _| async { Ok(json!({})) }.boxed()));
            middleware.init().expect("a middleware");
            let middleware = Arc::new(middleware);
            config.service(me().wrap(middleware.middleware()).get(by_actix_jwt))
        }
    };
}

fn verifier(keys: &KeySet) -> paseto_actix::Verifier {
    verifiers::cached(keys.public()).build().expect("a verifier")
}

async fn bare() -> Json<Claims> {
    Json(Claims::of_user(0))
}

#[paseto_required]
async fn attribute(paseto: Paseto<Claims>) -> Json<Claims> {
    Json(paseto.into_claims())
}

#[paseto_required]
async fn refresh(
    paseto: Paseto<Claims>,
    refresher: Data<Refresher>,
) -> actix_web::Result<Json<Claims>> {
    refresher.refresh().await?;
    Ok(Json(paseto.into_claims()))
}

/// The handler behind the middleware `PasetoRequired`.
async fn claims(paseto: Paseto<Claims>) -> Json<Claims> {
    Json(paseto.into_claims())
}

async fn json_web_token(
    auth: BearerAuth,
    verifier: Data<jwt::Verifier>,
) -> actix_web::Result<Json<Claims>> {
    verifier.verify(auth.token()).map(Json).ok_or_else(|| ErrorUnauthorized("no valid token"))
}

struct PasetorsVerifier {
    key: AsymmetricPublicKey<V4>,
    rules: ClaimsValidationRules,
}

impl PasetorsVerifier {
    fn new(keys: &KeySet) -> Self {
        let key = AsymmetricPublicKey::from(&keys.public_bytes()).expect("a key");
        let mut rules = ClaimsValidationRules::new();
        rules.validate_issuer_with(ISSUER);
        Self { key, rules }
    }

    fn verify(&self, token: &str) -> Option<Claims> {
        let token = UntrustedToken::<Public, V4>::try_from(token).ok()?;
        let token = pasetors::public::verify(&self.key, &token, &self.rules, None, None).ok()?;
        Some(Claims { email: token.payload_claims()?.get_claim("email")?.as_str()?.to_owned() })
    }
}

async fn by_pasetors(
    auth: BearerAuth,
    verifier: Data<PasetorsVerifier>,
) -> actix_web::Result<Json<Claims>> {
    verifier.verify(auth.token()).map(Json).ok_or_else(|| ErrorUnauthorized("no valid token"))
}

async fn by_actix_jwt(request: HttpRequest) -> actix_web::Result<Json<Claims>> {
    let email = extract_claims(&request)
        .remove("email")
        .and_then(|email| email.as_str().map(str::to_owned));
    Ok(Json(Claims { email: email.ok_or_else(|| ErrorInternalServerError("no email address"))? }))
}

/// Writes five values to the session, which are 500 bytes of JSON.
async fn fill(session: Session) -> actix_web::Result<HttpResponse> {
    session.insert("email", Claims::of_user(0).email)?;
    session.insert("csrf", "c2Vzc2lvbnMgaW4gZW5jcnlwdGVkIGNvb2tpZXM")?;
    session.insert(
        "cart",
        vec![json!({ "item": "6d6f6465-726e", "count": 2, "price": "129.90" }); 3],
    )?;
    session.insert("note", "x".repeat(231))?;
    session.insert("visits", 100_000)?;
    let entries = session.entries();
    let len: usize =
        entries.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 1;
    assert_eq!(len, 500);
    Ok(HttpResponse::Ok().finish())
}

async fn read(session: Session) -> actix_web::Result<Json<Claims>> {
    let email = session.get("email")?.ok_or_else(|| ErrorUnauthorized("not logged in"))?;
    Ok(Json(Claims { email }))
}

async fn change(session: Session) -> actix_web::Result<Json<Claims>> {
    let response = read(session.clone()).await?;
    let visits: u32 = session.get("visits")?.unwrap_or_default();
    session.insert("visits", visits + 1)?;
    Ok(response)
}

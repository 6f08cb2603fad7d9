//! The parts of the application and its routes.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{DefaultHeaders, ErrorHandlers};
use actix_web::{App, Error, HttpResponse, get, web};
use paseto_actix::current_user::Credential;
use paseto_actix::event::Event;
use paseto_actix::key_set::KeySetService;
use paseto_actix::keys::KeyRing;
use paseto_actix::refresh::Login;
use paseto_actix::revocation::RevocationStore;
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix::token_family::TokenFamilyStore;
use paseto_actix::{
    ConfigError, CrossOriginProtection, Issuer, LoginLayer, PasetoSession, RefreshTokens,
    RememberMe, SecretKey, UserLoader, Verifier,
};

use crate::board::Board;
use crate::users::{User, Users};
use crate::{account, admin, api, login, notices, page};

/// The name of the issuer, which is also the audience of the tokens.
pub(crate) const ISSUER: &str = "https://noticeboard.example";

const APPLICATION: &str = "noticeboard";

/// Scripts and styles come only from this server, and no other site shows the pages in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'self'; \
    style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The parts that all workers share. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) users: Users,
    pub(crate) board: Board,
    pub(crate) issuer: Issuer,
    pub(crate) verifier: Verifier,
    pub(crate) tokens: RefreshTokens,
    pub(crate) logins: LoginLayer,
}

impl Parts {
    /// In production, remove both calls of `development_over_plain_http`. The cookies then have the
    /// names `__Host-session` and `__Host-remember_token` and the attribute `Secure`.
    pub(crate) fn new(
        users: Users,
        local_keys: KeyRing,
        signing_keys: KeyRing<SecretKey>,
        families: impl TokenFamilyStore + Clone,
        revocations: impl RevocationStore + Clone,
    ) -> Result<Self, ConfigError> {
        // An audit log. An event contains the user, and never a token. Rejections are in the log.
        let audit = |event: &Event<'_>| {
            if !matches!(event, Event::Rejected(_)) {
                eprintln!("audit: {event:?}");
            }
        };
        let issuer = Issuer::builder(ISSUER).audience(ISSUER).keys(signing_keys).build()?;
        let verifier = Verifier::builder()
            .trust_issuer(&issuer)
            .audience(ISSUER)
            .revocation_store(revocations.clone())
            .build()?;
        let tokens = RefreshTokens::builder(issuer.clone(), local_keys.clone())
            .application(APPLICATION)
            .token_family_store(families.clone())
            .revocation_store(revocations.clone())
            .on_event(audit)
            .build()?;
        let session = PasetoSession::builder(local_keys.clone())
            .application(APPLICATION)
            .revocation_store(revocations.clone())
            .no_store_if(|_| true)
            .development_over_plain_http()
            .build()?;
        let of_login = users.clone();
        let remember = RememberMe::builder(local_keys)
            .application(APPLICATION)
            .credential_loader(move |email| {
                let fingerprint = of_login.fingerprint(&email);
                async { fingerprint }
            })
            .token_family_store(families)
            .revocation_store(revocations)
            .on_event(audit)
            .login_page("/login")
            .development_over_plain_http()
            .build()?;
        let logins = LoginLayer::new(session, remember).refresh_tokens(tokens.clone());
        Ok(Self { users, board: Board::default(), issuer, verifier, tokens, logins })
    }
}

/// Returns the application of one worker.
pub(crate) fn app(
    parts: Parts,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let Parts { users, board, issuer, verifier, tokens, logins } = parts;
    let (of_token, of_session, of_refresh) = (users.clone(), users.clone(), users.clone());
    let endpoints = TokenEndpoints::new(tokens.clone(), async move |login: Login| {
        api::issue(&of_refresh, login)
    });
    // The API accepts a token or the session, and a page only the session.
    let api_users = UserLoader::any_of(async move |credential: Credential| {
        of_token.find(credential.user_id()?)
    });
    let page_users =
        UserLoader::<User>::from_login(async move |email: String| of_session.find(&email));
    App::new()
        .app_data(web::Data::new(users))
        .app_data(web::Data::new(board))
        .app_data(web::Data::new(tokens))
        .app_data(verifier)
        .app_data(api_users)
        .service(health)
        .service(style)
        .service(script)
        .service(KeySetService::new(issuer))
        .service(endpoints)
        .configure(api::configure)
        .service(
            web::scope("")
                .app_data(page_users)
                .wrap(ErrorHandlers::new().default_handler(page::error_page))
                .configure(login::configure)
                .configure(notices::configure)
                .configure(account::configure)
                .configure(admin::configure),
        )
        .wrap(logins)
        // Without this middleware, another site could submit the login form.
        .wrap(CrossOriginProtection::new())
        .wrap(
            DefaultHeaders::new()
                .add(("Content-Security-Policy", CONTENT_SECURITY_POLICY))
                .add(("X-Content-Type-Options", "nosniff"))
                .add(("Referrer-Policy", "same-origin")),
        )
}

/// For the health check of a load balancer.
#[get("/health")]
async fn health() -> &'static str {
    "healthy\n"
}

#[get("/style.css")]
async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("style.css"))
}

#[get("/script.js")]
async fn script() -> HttpResponse {
    let content_type = "text/javascript; charset=utf-8";
    HttpResponse::Ok().content_type(content_type).body(include_str!("script.js"))
}

//! Concurrent operations: a login, a refresh or a restored login, and a logout everywhere, in each
//! order of their steps.

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Data;
use actix_web::{App, HttpRequest, web};
use paseto_actix::refresh::{RefreshError, TokenPair};
use paseto_actix::remember::{LoggedIn, Remember};
use paseto_actix::{LocalKey, LoginLayer, PasetoSession, RefreshTokens, RememberMe, Verifier};
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logins::race::{Event, Stepped, advance};
use paseto_actix_tests::logins::{Place, Reply};
use paseto_actix_tests::remember::{REMEMBER, SESSION};
use paseto_actix_tests::session::Site;
use serde_json::json;

/// The stores of remembered logins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stores {
    TokenFamilies,
    RevocationStore,
    Both,
}

struct Application {
    stores: Stepped,
    layer: LoginLayer,
    tokens: RefreshTokens,
    verifier: Verifier,
    place: Place,
}

impl Application {
    async fn new(of_remembered: Stores) -> Self {
        let (clock, key) = (TestClock::new(), LocalKey::generate());
        let stores = Stepped::new(&clock);
        let tokens = RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), key.clone())
            .token_family_store(stores.clone())
            .revocation_store(stores.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let verifier = verifier_builder(&clock).revocation_store(stores.clone()).build().unwrap();
        let session = PasetoSession::builder(key.clone())
            .revocation_store(stores.clone())
            .clock(clock.clone());
        let users = stores.clone();
        let mut remember = RememberMe::builder(key).clock(clock).credential_loader(move |id| {
            let users = users.clone();
            async move { Some(users.fingerprint(&id).await) }
        });
        if of_remembered != Stores::TokenFamilies {
            remember = remember.revocation_store(stores.clone());
        }
        if of_remembered != Stores::RevocationStore {
            remember = remember.token_family_store(stores.clone());
        }
        let layer = LoginLayer::new(session.build().unwrap(), remember.build().unwrap())
            .refresh_tokens(tokens.clone());
        let app = App::new()
            .app_data(Data::new(stores.clone()))
            .wrap(layer.clone())
            .route("/login/{user}", web::post().to(log_in))
            .route("/me", web::get().to(async |user: LoggedIn| user.id().to_owned()));
        let place = Place::Here(Site::new(init_service(app).await));
        Self { stores, layer, tokens, verifier, place }
    }

    async fn log_in(&self, user: &str) -> Reply {
        self.place.send(Method::POST, &format!("/login/{user}"), &[]).await
    }

    /// A request with one cookie.
    async fn visit(&self, name: &str, value: &str) -> Reply {
        self.place.send(Method::GET, "/me", &[("cookie", &format!("{name}={value}"))]).await
    }

    /// Returns whether a cookie of a response is accepted, or `false` if the response sets no such
    /// cookie.
    async fn accepts(&self, reply: &Reply, name: &str) -> bool {
        let Some(value) = reply.cookie(name) else { return false };
        self.visit(name, &value).await.status == 200
    }

    async fn accepts_access(&self, pair: &TokenPair) -> bool {
        self.verifier.verify_str_async(&pair.access_token).await.is_ok()
    }

    async fn refresh(&self, pair: &TokenPair) -> Result<TokenPair, RefreshError> {
        self.tokens.refresh(&pair.refresh_token).await?.issue(&json!({}))
    }

    /// Returns whether a token of a pair is accepted.
    async fn accepts_any(&self, pair: &TokenPair) -> bool {
        self.accepts_access(pair).await || self.refresh(pair).await.is_ok()
    }

    /// Runs an operation concurrently with a logout everywhere, which can follow a password change.
    async fn race<T>(
        &self,
        user: &str,
        changes_password: bool,
        operation: impl Future<Output = T>,
        order: &mut Vec<bool>,
    ) -> T {
        let logout = async {
            if changes_password {
                self.stores.change_password(user).await;
            }
            self.stores.record(Event::LogoutStarts);
            self.layer.logout_all(user).await.unwrap();
            self.stores.record(Event::LogoutCompleted);
        };
        self.stores.race(operation, logout, order).await
    }
}

/// The user types the right password, before and after the change.
async fn log_in(
    req: HttpRequest,
    user: web::Path<String>,
    stores: Data<Stepped>,
) -> actix_web::Result<&'static str> {
    stores.record(Event::LoginStarts);
    let login = RememberMe::start_login(&req, &**user).await?;
    stores.record(Event::LoginStarted);
    login.complete(Remember::Default).await?;
    Ok("in")
}

/// The numbers of orders in which the login started before, during and after the logout.
#[derive(Debug, Default)]
struct Counts([usize; 3]);

impl Counts {
    /// Asserts that a login before the logout is revoked, and that a login after it is accepted.
    fn check(&mut self, stores: &Stepped, accepted: &[bool], order: &[bool]) {
        let case = if stores.is_before(Event::LoginStarted, Event::LogoutStarts) {
            assert!(!accepted.contains(&true), "login before the logout: {accepted:?}, {order:?}");
            0
        } else if stores.is_before(Event::LogoutCompleted, Event::LoginStarts) {
            assert!(!accepted.contains(&false), "login after the logout: {accepted:?}, {order:?}");
            2
        } else {
            1
        };
        self.0[case] += 1;
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || !self.0.contains(&0), "{self:?}");
    }
}

async fn check_login(of_remembered: Stores, changes_password: bool) {
    let (application, mut order, mut counts) =
        (Application::new(of_remembered).await, Vec::new(), Counts::default());
    for number in 0.. {
        let user = number.to_string();
        let reply =
            application.race(&user, changes_password, application.log_in(&user), &mut order).await;
        let accepted = [
            application.accepts(&reply, SESSION).await,
            application.accepts(&reply, REMEMBER).await,
        ];
        counts.check(&application.stores, &accepted, &order);
        if !advance(&mut order) {
            break;
        }
    }
}

/// A remember-me cookie without a session logs in. The logout revokes the remembered login and the
/// new session.
async fn check_restore(of_remembered: Stores, changes_password: bool) {
    let (application, mut order, mut restored) =
        (Application::new(of_remembered).await, Vec::new(), [0, 0]);
    for number in 0.. {
        let user = number.to_string();
        let cookie = application.log_in(&user).await.cookie(REMEMBER).unwrap();
        let reply = application
            .race(&user, changes_password, application.visit(REMEMBER, &cookie), &mut order)
            .await;
        restored[usize::from(reply.status == 200)] += 1;
        let accepted = [
            application.accepts(&reply, SESSION).await,
            application.accepts(&reply, REMEMBER).await,
        ];
        assert_eq!(accepted, [false, false], "{order:?}");
        assert_eq!(application.visit(REMEMBER, &cookie).await.status, 401, "{order:?}");
        if !advance(&mut order) {
            break;
        }
    }
    assert!(!restored.contains(&0), "{restored:?}");
}

macro_rules! for_all_stores {
    ($($name:ident: $check:ident $stores:ident,)*) => {
        $(#[actix_web::test]
        async fn $name() {
            for changes_password in [false, true] {
                $check(Stores::$stores, changes_password).await;
            }
        })*
    };
}

for_all_stores! {
    login_with_a_token_family_store_is_revoked_by_a_later_logout: check_login TokenFamilies,
    login_with_a_revocation_store_is_revoked_by_a_later_logout: check_login RevocationStore,
    login_with_both_stores_is_revoked_by_a_later_logout: check_login Both,
    restored_login_with_a_token_family_store_is_revoked: check_restore TokenFamilies,
    restored_login_with_a_revocation_store_is_revoked: check_restore RevocationStore,
    restored_login_with_both_stores_is_revoked: check_restore Both,
}

#[actix_web::test]
async fn login_with_refresh_tokens_is_revoked_by_a_later_logout() {
    let (application, mut order, mut counts) =
        (Application::new(Stores::Both).await, Vec::new(), Counts::default());
    for number in 0.. {
        let user = number.to_string();
        let operation = async {
            application.stores.record(Event::LoginStarts);
            let login = application.tokens.start_login(&user).await?;
            application.stores.record(Event::LoginStarted);
            login.complete().await?.issue(&json!({}))
        };
        let accepted = match application.race(&user, false, operation, &mut order).await {
            Ok(pair) => {
                [application.accepts_access(&pair).await, application.refresh(&pair).await.is_ok()]
            }
            Err(error) => {
                assert!(matches!(error, RefreshError::Revoked), "{error}, {order:?}");
                [false, false]
            }
        };
        counts.check(&application.stores, &accepted, &order);
        if !advance(&mut order) {
            break;
        }
    }
}

#[actix_web::test]
async fn refreshed_tokens_are_revoked_by_a_concurrent_logout() {
    let (application, mut order, mut refreshed) =
        (Application::new(Stores::Both).await, Vec::new(), [0, 0]);
    for number in 0.. {
        let user = number.to_string();
        let first = application.tokens.login(&user).await.unwrap().issue(&json!({})).unwrap();
        let outcome = application.race(&user, false, application.refresh(&first), &mut order).await;
        refreshed[usize::from(outcome.is_ok())] += 1;
        for pair in outcome.iter().chain([&first]) {
            assert!(!application.accepts_any(pair).await, "{order:?}");
        }
        if !advance(&mut order) {
            break;
        }
    }
    assert!(!refreshed.contains(&0), "{refreshed:?}");
}

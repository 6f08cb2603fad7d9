//! A login, a refresh or a restore, and a logout everywhere at the same time, in every order of
//! their steps.

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

struct House {
    stores: Stepped,
    layer: LoginLayer,
    tokens: RefreshTokens,
    verifier: Verifier,
    place: Place,
}

impl House {
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
        let mut remember = RememberMe::builder(key).clock(clock).user_loader(move |id| {
            let users = users.clone();
            async move { Some(users.stamp(&id).await) }
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
        let place = Place::Here(Site::new(init_service(app).await, |request| request.to_request()));
        Self { stores, layer, tokens, verifier, place }
    }

    async fn log_in(&self, user: &str) -> Reply {
        self.place.send(Method::POST, &format!("/login/{user}"), &[]).await
    }

    /// A request with one cookie.
    async fn visit(&self, name: &str, value: &str) -> Reply {
        self.place.send(Method::GET, "/me", &[("cookie", &format!("{name}={value}"))]).await
    }

    /// Whether a cookie of a response is accepted. A response without the cookie has none that is.
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

    /// Whether a token of a pair is accepted.
    async fn accepts_any(&self, pair: &TokenPair) -> bool {
        self.accepts_access(pair).await || self.refresh(pair).await.is_ok()
    }

    /// Runs an operation and a logout everywhere, which may come after a change of the password.
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
            self.stores.note(Event::LogoutBegins);
            self.layer.logout_all(user).await.unwrap();
            self.stores.note(Event::LogoutEnds);
        };
        self.stores.race(operation, logout, order).await
    }
}

/// The password that the user types is right, whether it has changed or not.
async fn log_in(
    req: HttpRequest,
    user: web::Path<String>,
    stores: Data<Stepped>,
) -> actix_web::Result<&'static str> {
    stores.note(Event::AttemptBegins);
    let attempt = RememberMe::start_login(&req, &**user).await?;
    stores.note(Event::AttemptIsNoted);
    attempt.complete(Remember::Default).await?;
    Ok("in")
}

/// The number of orders in which the attempt was noted before the logout, at the same time, and after
/// it.
#[derive(Debug, Default)]
struct Counts([usize; 3]);

impl Counts {
    /// Asserts that an early login has ended, and that a late one has not.
    fn check(&mut self, stores: &Stepped, accepted: &[bool], order: &[bool]) {
        let case = if stores.is_before(Event::AttemptIsNoted, Event::LogoutBegins) {
            assert!(!accepted.contains(&true), "the logout came later: {accepted:?}, {order:?}");
            0
        } else if stores.is_before(Event::LogoutEnds, Event::AttemptBegins) {
            assert!(!accepted.contains(&false), "the logout came before: {accepted:?}, {order:?}");
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
    let (house, mut order, mut counts) =
        (House::new(of_remembered).await, Vec::new(), Counts::default());
    for number in 0.. {
        let user = number.to_string();
        let reply = house.race(&user, changes_password, house.log_in(&user), &mut order).await;
        let accepted =
            [house.accepts(&reply, SESSION).await, house.accepts(&reply, REMEMBER).await];
        counts.check(&house.stores, &accepted, &order);
        if !advance(&mut order) {
            break;
        }
    }
}

/// A remember-me cookie alone logs in, and the logout ends the remembered login and the new session.
async fn check_restore(of_remembered: Stores, changes_password: bool) {
    let (house, mut order, mut restored) = (House::new(of_remembered).await, Vec::new(), [0, 0]);
    for number in 0.. {
        let user = number.to_string();
        let cookie = house.log_in(&user).await.cookie(REMEMBER).unwrap();
        let reply =
            house.race(&user, changes_password, house.visit(REMEMBER, &cookie), &mut order).await;
        restored[usize::from(reply.status == 200)] += 1;
        let accepted =
            [house.accepts(&reply, SESSION).await, house.accepts(&reply, REMEMBER).await];
        assert_eq!(accepted, [false, false], "{order:?}");
        assert_eq!(house.visit(REMEMBER, &cookie).await.status, 401, "{order:?}");
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
    a_login_with_a_token_family_store: check_login TokenFamilies,
    a_login_with_a_revocation_store: check_login RevocationStore,
    a_login_with_both_stores: check_login Both,
    a_restore_with_a_token_family_store: check_restore TokenFamilies,
    a_restore_with_a_revocation_store: check_restore RevocationStore,
    a_restore_with_both_stores: check_restore Both,
}

#[actix_web::test]
async fn a_login_with_tokens() {
    let (house, mut order, mut counts) =
        (House::new(Stores::Both).await, Vec::new(), Counts::default());
    for number in 0.. {
        let user = number.to_string();
        let operation = async {
            house.stores.note(Event::AttemptBegins);
            let attempt = house.tokens.start_login(&user).await?;
            house.stores.note(Event::AttemptIsNoted);
            attempt.complete().await?.issue(&json!({}))
        };
        let accepted = match house.race(&user, false, operation, &mut order).await {
            Ok(pair) => [house.accepts_access(&pair).await, house.refresh(&pair).await.is_ok()],
            Err(error) => {
                assert!(matches!(error, RefreshError::Revoked), "{error}, {order:?}");
                [false, false]
            }
        };
        counts.check(&house.stores, &accepted, &order);
        if !advance(&mut order) {
            break;
        }
    }
}

#[actix_web::test]
async fn a_refresh() {
    let (house, mut order, mut refreshed) = (House::new(Stores::Both).await, Vec::new(), [0, 0]);
    for number in 0.. {
        let user = number.to_string();
        let first = house.tokens.login(&user).await.unwrap().issue(&json!({})).unwrap();
        let outcome = house.race(&user, false, house.refresh(&first), &mut order).await;
        refreshed[usize::from(outcome.is_ok())] += 1;
        for pair in outcome.iter().chain([&first]) {
            assert!(!house.accepts_any(pair).await, "{order:?}");
        }
        if !advance(&mut order) {
            break;
        }
    }
    assert!(!refreshed.contains(&0), "{refreshed:?}");
}

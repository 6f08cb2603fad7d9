use std::collections::BTreeSet;
use std::panic::Location;

use actix_http::Request;
use actix_web::Error;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{ACCEPT, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;

use super::routes::{TestedPath, matching_path, random_name, tested_paths, unknown_paths};

/// Asserts that each route of an application responds with `401` to a request without a token.
/// `public` lists the routes without a guard, as the method and the pattern:
/// `["POST /login", "GET /users/{id}"]`.
///
/// The routes come from actix-web, so a new route needs a guard or an entry. A login page instead
/// of `401` is [`assert_guarded_or_login`].
///
/// ```
/// use actix_web::test::init_service;
/// use actix_web::{App, get, post};
/// use paseto_actix::paseto_required;
/// use paseto_actix::testing::{TestIssuer, assert_guarded};
///
/// #[post("/login")]
/// async fn login() -> &'static str {
///     "token"
/// }
///
/// #[get("/users/{id}")]
/// #[paseto_required]
/// async fn user() -> &'static str {
///     "user"
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = TestIssuer::new("https://issuer.example").verifier().build()?;
/// let app = init_service(App::new().app_data(verifier).service(login).service(user)).await;
/// assert_guarded(&app, ["POST /login"]).await;
/// # Ok(())
/// # }
/// ```
///
/// # What it sends
///
/// It sends requests with the methods of each route, without a token, a cookie or a body. A handler
/// without a guard runs, also with `DELETE`, so use a test database.
///
/// - A route without a method is tried with `GET` and `POST`.
/// - Each path is also tried with the other methods of `GET`, `POST`, `PUT`, `PATCH` and `DELETE`,
///   because a second handler can exist there. They may respond with `404` or `405`.
/// - A path without a route is tried with `GET` and `POST` in the application and in each scope, to
///   reach the `default_service`. It may respond with `404` or `405`. In `public`, its name is the
///   scope and `/*`: `GET /*`, `GET /api/*`.
/// - A parameter such as `{id}` or `{year:\d{4}}` gets a value that matches.
///
/// # What it cannot see
///
/// - A route with another condition, such as `Host` or a header, responds with `404`. The function
///   then fails, unless `public` names the route. Test such a route yourself.
/// - Two handlers with the same pattern and the same method, of which a condition selects one.
/// - A guard of `default_service` whose handler responds with `404` or `405` itself.
/// - Routes inside a service that is not part of actix-web, such as a folder of files. Only its
///   own path is tried.
/// - Whether a guard requires the correct scopes.
///
/// # Panics
///
/// Panics with a list of all problems:
///
/// - a route that does not respond with `401` and is not in `public`,
/// - a route that no request reaches, for example because no value matches its parameter,
/// - an entry of `public` that is not a route,
/// - an entry of `public` that responds with `401`.
#[track_caller]
pub fn assert_guarded<'a, S, B>(
    app: &S,
    public: impl IntoIterator<Item = &'a str>,
) -> impl Future<Output = ()>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    assert_all(app, public.into_iter().collect(), None, Location::caller())
}

/// Asserts the same as [`assert_guarded`] for a site with a login page: a redirect to the path
/// `login` is as good as `401`. The requests contain `Accept: text/html`, as browsers send it.
///
/// ```
/// use actix_web::http::header::LOCATION;
/// use actix_web::test::init_service;
/// use actix_web::{App, HttpResponse, web};
/// use paseto_actix::testing::assert_guarded_or_login;
///
/// # #[actix_web::main]
/// # async fn main() {
/// let app = App::new().route("/login", web::get().to(async || "a form")).route(
///     "/",
///     web::get().to(async || {
///         HttpResponse::SeeOther().insert_header((LOCATION, "/login?next=%2F")).finish()
///     }),
/// );
/// assert_guarded_or_login(&init_service(app).await, "/login", ["GET /login"]).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics as [`assert_guarded`] does.
#[track_caller]
pub fn assert_guarded_or_login<'a, S, B>(
    app: &S,
    login: &str,
    public: impl IntoIterator<Item = &'a str>,
) -> impl Future<Output = ()>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    assert_all(app, public.into_iter().collect(), Some(login), Location::caller())
}

/// The methods that each path is tried with.
const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

async fn assert_all<S, B>(app: &S, public: Vec<&str>, login: Option<&str>, caller: &Location<'_>)
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    let prober = Prober { app, login };
    let mut report = Report { public, found: BTreeSet::new(), problems: Vec::new() };
    let unknown = format!("/{}", random_name());
    let Ok(response) = app.call(prober.request(&Method::GET, &unknown)).await else {
        panic!("a middleware returned an error instead of a response, so the routes are unknown");
    };
    let paths = tested_paths(response.request());
    for path in paths.iter().filter(|path| path.is_route) {
        prober.try_path(path, &paths, &mut report).await;
    }
    for (pattern, candidates) in unknown_paths(&paths, &random_name()) {
        prober.try_default(&pattern, &candidates, &mut report).await;
    }
    report.finish(caller);
}

/// Sends requests without a token.
struct Prober<'a, S> {
    app: &'a S,
    login: Option<&'a str>,
}

/// A response to a request without a token.
struct Answer {
    status: StatusCode,
    is_guarded: bool,
    /// The pattern of the route that matches the path.
    pattern: Option<String>,
    /// Whether a resource received the request, and not a default service or only a middleware.
    is_at_resource: bool,
}

impl Answer {
    /// Returns whether actix-web can have sent the response, because no route has this method.
    fn is_absent(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
    }
}

impl<S, B> Prober<'_, S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    fn request(&self, method: &Method, path: &str) -> Request {
        let mut request = TestRequest::with_uri(path).method(method.clone());
        if self.login.is_some() {
            request = request.insert_header((ACCEPT, "text/html"));
        }
        request.to_request()
    }

    async fn send(&self, method: &Method, path: &str) -> Answer {
        match self.app.call(self.request(method, path)).await {
            Ok(response) => {
                let status = response.status();
                let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                let path = location.and_then(|to| to.split(['?', '#']).next());
                let req = response.request();
                let to_login = status.is_redirection() && path.is_some() && path == self.login;
                Answer {
                    status,
                    is_guarded: status == StatusCode::UNAUTHORIZED || to_login,
                    pattern: req.match_pattern(),
                    is_at_resource: req.match_info().unprocessed().is_empty(),
                }
            }
            // A server converts the error of a middleware to a response.
            Err(error) => {
                let status = error.as_response_error().status_code();
                Answer {
                    status,
                    is_guarded: status == StatusCode::UNAUTHORIZED,
                    pattern: None,
                    is_at_resource: false,
                }
            }
        }
    }

    /// Tries all methods of a path.
    async fn try_path(&self, path: &TestedPath, all: &[TestedPath], report: &mut Report<'_>) {
        let Some(uri) = matching_path(&path.pattern) else {
            for method in path.expected_methods() {
                report.add(method, &path.pattern, Err("no value matches its parameters".into()));
            }
            return;
        };
        let own = path.expected_methods();
        let others = METHODS.iter().filter(|method| !own.contains(method));
        let mut reached = false;
        for method in own.iter().chain(others) {
            let answer = self.send(method, &uri).await;
            // A route for each method never responds with `405` itself.
            let is_absent = if !own.contains(method) {
                !answer.is_at_resource || answer.is_absent()
            } else {
                path.methods.is_empty() && answer.status == StatusCode::METHOD_NOT_ALLOWED
            };
            if is_absent {
                continue;
            }
            reached = true;
            let other = all.iter().find(|other| {
                !path.has_pattern(answer.pattern.as_deref())
                    && answer.pattern.as_deref() == Some(other.pattern.as_str())
                    && (other.methods.is_empty() || other.methods.contains(method))
            });
            let result = match other {
                // The other route is tested for itself.
                Some(_) if !own.contains(method) => continue,
                Some(other) => Err(format!("`{}` receives its requests", other.pattern)),
                // The guard can belong to the default service.
                None if answer.is_guarded && path.has_condition && !answer.is_at_resource => {
                    Err("a condition such as `Host` keeps the request from it".to_owned())
                }
                None => result_of(&answer),
            };
            if own.contains(method) || result.is_err() {
                report.add(method, &path.pattern, result);
            }
        }
        if !reached {
            let problem = "no request reaches it".to_owned();
            report.add(&own[0], &path.pattern, Err(problem));
        }
    }

    /// Tries a path without a route, which reaches the default service.
    async fn try_default(&self, pattern: &str, candidates: &[String], report: &mut Report<'_>) {
        for method in [Method::GET, Method::POST] {
            for uri in candidates {
                let answer = self.send(&method, uri).await;
                // A route with a parameter matches the path, and is tested for itself.
                if answer.pattern.is_some() {
                    continue;
                }
                if !answer.is_absent() {
                    report.add(&method, pattern, result_of(&answer));
                }
                break;
            }
        }
    }
}

/// Returns `Ok` for a guarded route, and otherwise the problem.
fn result_of(answer: &Answer) -> Result<(), String> {
    if answer.is_guarded {
        return Ok(());
    }
    let hint = if answer.is_absent() {
        ": it has no guard, or another resource or a condition such as `Host` receives its requests"
    } else {
        ""
    };
    Err(format!("responds with `{}` without a token{hint}", answer.status.as_u16()))
}

/// The routes that were found, and the problems.
struct Report<'a> {
    public: Vec<&'a str>,
    found: BTreeSet<String>,
    problems: Vec<String>,
}

impl Report<'_> {
    fn add(&mut self, method: &Method, pattern: &str, result: Result<(), String>) {
        let route = format!("{method} {pattern}");
        let is_public = self.public.contains(&route.as_str());
        match result {
            Ok(()) if is_public => self.problems.push(format!(
                "{route}: is guarded, but the list of public routes contains it: remove the entry"
            )),
            Err(problem) if !is_public => self.problems.push(format!("{route}: {problem}")),
            _ => {}
        }
        self.found.insert(route);
    }

    fn finish(mut self, caller: &Location<'_>) {
        for entry in self.public.iter().filter(|entry| !self.found.contains(**entry)) {
            self.problems.push(format!(
                "{entry}: is in the list of public routes, but the application has no such route"
            ));
        }
        assert!(
            self.problems.is_empty(),
            "expected a guard on each route that is not public (at {caller}):\n  {}\n",
            self.problems.join("\n  ")
        );
    }
}

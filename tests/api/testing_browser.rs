//! The browser of the kit, at applications that check what a browser sends.

use std::future::ready;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::error::ErrorForbidden;
use actix_web::http::header::LOCATION;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, Route, web};
use paseto_actix::testing::{Browser, TestIssuer};
use paseto_actix::{CrossOriginProtection, PasetoRequired, TokenSource};
use paseto_actix_tests::ISSUER;

/// Returns a handler that sets these cookies.
fn set(cookies: &'static [&'static str]) -> Route {
    web::route().to(move || {
        let mut response = HttpResponse::Ok();
        for cookie in cookies {
            response.append_header(("Set-Cookie", *cookie));
        }
        ready(response.finish())
    })
}

fn redirect(status: u16, target: &'static str) -> Route {
    web::route().to(move || {
        let status = StatusCode::from_u16(status).unwrap();
        ready(HttpResponse::build(status).insert_header((LOCATION, target)).finish())
    })
}

/// Returns the cookies and the method of the request.
async fn echo(req: HttpRequest, body: String) -> String {
    let cookies = req.headers().get("Cookie").map_or("", |value| value.to_str().unwrap());
    format!("{} [{cookies}] {body}", req.method())
}

#[actix_web::test]
async fn cookies_are_stored_by_name_and_path_and_removed() {
    let app = App::new()
        .route("/in", set(&["a=1; Path=/; Secure; HttpOnly", "b=2; Path=/deep", "c=3"]))
        .route("/again", set(&["a=4; Path=/"]))
        .route("/out", set(&["a=; Path=/; Max-Age=0"]))
        .route("/past", set(&["a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]))
        .route("/deep/in", set(&["d=5", "e=6; Path=relative"]))
        .default_service(web::route().to(echo));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    browser.get(&app, "/in").await;
    assert_eq!(browser.get(&app, "/").await.body, "GET [a=1; c=3] ");
    assert_eq!(browser.get(&app, "/deep").await.body, "GET [b=2; a=1; c=3] ");
    assert_eq!(browser.get(&app, "/deep/x?y").await.body, "GET [b=2; a=1; c=3] ");
    assert_eq!(browser.get(&app, "/deeper").await.body, "GET [a=1; c=3] ");
    browser.get(&app, "/again").await;
    assert_eq!(browser.cookie("a"), Some("4"));
    for removal in ["/out", "/past"] {
        browser.set_cookie("a", "7");
        assert_eq!(browser.cookie("a"), Some("7"));
        browser.get(&app, removal).await;
        assert_eq!(browser.cookie("a"), None, "{removal}");
    }
    browser.get(&app, "/deep/in").await;
    browser.remove_cookie("b");
    assert_eq!(browser.get(&app, "/deep/").await.body, "GET [d=5; e=6; c=3] ");
    assert_eq!(Browser::new().get(&app, "/").await.body, "GET [] ");
}

#[actix_web::test]
async fn restart_removes_cookies_without_an_expiry() {
    let app = App::new()
        .route(
            "/in",
            set(&["a=1; Max-Age=60", "b=2; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "c=3"]),
        )
        .route("/", web::route().to(echo));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    browser.get(&app, "/in").await;
    browser.set_cookie("d", "4");
    assert_eq!(browser.get(&app, "/").await.body, "GET [a=1; b=2; c=3; d=4] ");
    browser.restart();
    assert_eq!(browser.get(&app, "/").await.body, "GET [a=1; b=2] ");
}

#[actix_web::test]
async fn oversized_cookie_is_discarded() {
    let large = async |len: web::Path<usize>| {
        let cookie = format!("{}; Path=/", Cookie::new("a", "x".repeat(*len)));
        HttpResponse::Ok().insert_header(("Set-Cookie", cookie)).finish()
    };
    let app = init_service(App::new().route("/{len}", web::get().to(large))).await;
    let mut browser = Browser::new();
    browser.get(&app, "/5000").await;
    assert_eq!(browser.cookie("a"), None);
    browser.get(&app, "/4000").await;
    assert_eq!(browser.cookie("a").map(str::len), Some(4000));
}

#[actix_web::test]
async fn redirects_are_followed_and_keep_the_form_only_after_307_and_308() {
    let app = App::new()
        .route("/301", redirect(301, "/end"))
        .route("/302", redirect(302, "/end"))
        .route("/303", redirect(303, "https://localhost:8080/end#part"))
        .route("/307", redirect(307, "/308?x=1"))
        .route("/308", redirect(308, "/end"))
        .route("/304", redirect(304, "/end"))
        .route("/end", web::route().to(echo));
    let app = init_service(app).await;
    let form = [("name", "ada")];
    for path in ["/301", "/302", "/303"] {
        let page = Browser::new().post_form(&app, path, &form).await;
        assert_eq!((page.path.as_str(), page.body.as_str()), ("/end", "GET [] "), "{path}");
    }
    for path in ["/307", "/308"] {
        let page = Browser::new().post_form(&app, path, &form).await;
        assert_eq!((page.path.as_str(), page.body.as_str()), ("/end", "POST [] name=ada"));
    }
    let page = Browser::new().get(&app, "/304").await;
    assert_eq!((page.status.as_u16(), page.header("location")), (304, "/end"));
}

#[actix_web::test]
#[should_panic(expected = "expected at most 10 redirects, the last one leads to `/loop`")]
async fn endless_redirect_panics() {
    let app = init_service(App::new().route("/loop", redirect(303, "/loop"))).await;
    Browser::new().get(&app, "/loop").await;
}

#[actix_web::test]
#[should_panic(expected = "`/away` redirects to `//evil.example/`")]
async fn redirect_to_another_site_panics() {
    let app = init_service(App::new().route("/away", redirect(303, "//evil.example/"))).await;
    Browser::new().get(&app, "/away").await;
}

#[actix_web::test]
async fn form_of_another_site_is_rejected_only_with_protection() {
    let order = || web::post().to(async || "ordered");
    let guarded = App::new().wrap(CrossOriginProtection::new()).route("/", order());
    let guarded = init_service(guarded).await;
    let twin = init_service(App::new().route("/", order())).await;
    let mut browser = Browser::new();
    let mut other = browser.cross_site();
    assert_eq!(browser.post_form(&guarded, "/", &[("a", "b")]).await.body, "ordered");
    assert_eq!(other.post_form(&guarded, "/", &[("a", "b")]).await.status, 403);
    assert_eq!(other.post_form(&twin, "/", &[("a", "b")]).await.body, "ordered");
}

#[actix_web::test]
async fn each_header_of_a_browser_is_sent() {
    let headers = async |req: HttpRequest| {
        let names = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "origin"];
        let value = |name| req.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        format!("{} {}", names.map(value).join(" "), req.connection_info().scheme())
    };
    let app = init_service(App::new().route("/", web::route().to(headers))).await;
    let mut browser = Browser::new();
    let (get, form) = ("same-origin navigate document", [("a", "b")]);
    assert_eq!(browser.get(&app, "/").await.body, format!("{get} - https"));
    assert_eq!(
        browser.post_form(&app, "/", &form).await.body,
        format!("{get} https://localhost:8080 https")
    );
    let mut other = browser.cross_site();
    assert_eq!(other.get(&app, "/").await.body, "cross-site navigate document - https");
    assert_eq!(
        other.post_form(&app, "/", &form).await.body,
        "cross-site navigate document https://cross-site.invalid https"
    );
}

#[actix_web::test]
async fn script_sends_the_headers_of_fetch_unless_the_request_has_some_of_them() {
    let headers = async |req: HttpRequest, body: String| {
        let names =
            ["host", "accept", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "origin"];
        let value = |name| req.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        format!("{} {} {body}", req.method(), names.map(value).join(" "))
    };
    let app = init_service(App::new().route("/", web::route().to(headers))).await;
    let mut browser = Browser::new();
    let put = || TestRequest::put().set_payload("tea");
    let own = "localhost:8080 */*";
    let fetch = "same-origin cors empty";
    for (request, expected) in [
        (TestRequest::get(), format!("GET {own} {fetch} - ")),
        (put(), format!("PUT {own} {fetch} https://localhost:8080 tea")),
        (put().insert_header(("Sec-Fetch-Site", "none")), format!("PUT {own} none - - - tea")),
        (put().insert_header(("Origin", "null")), format!("PUT {own} - - - null tea")),
        (
            put().insert_header(("Host", "a.example")).insert_header(("Accept", "text/plain")),
            format!("PUT a.example text/plain {fetch} https://localhost:8080 tea"),
        ),
    ] {
        assert_eq!(browser.send(&app, request).await.body, expected);
    }
    assert_eq!(
        browser.cross_site().send(&app, put()).await.body,
        format!("PUT {own} cross-site cors empty https://cross-site.invalid tea")
    );
}

#[actix_web::test]
async fn script_stores_and_sends_cookies_and_follows_no_redirect() {
    let app = App::new()
        .route("/in", set(&["a=1", "b=2; SameSite=None", "c=3; SameSite=Lax"]))
        .route("/303", redirect(303, "/in"))
        .default_service(web::route().to(echo));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    let page = browser.send(&app, TestRequest::with_uri("/303")).await;
    assert_eq!((page.path.as_str(), page.status.as_u16()), ("/303", 303));
    browser.send(&app, TestRequest::put().uri("/in?x")).await;
    let get = || TestRequest::with_uri("/?y");
    assert_eq!(browser.send(&app, get()).await.body, "GET [a=1; b=2; c=3] ");
    assert_eq!(browser.cross_site().send(&app, get()).await.body, "GET [a=1; b=2] ");
    let own = get().insert_header(("Cookie", "d=4"));
    assert_eq!(browser.send(&app, own).await.body, "GET [d=4] ");
}

#[actix_web::test]
async fn same_site_attribute_selects_the_cookies_of_another_site() {
    let cookies = async || {
        let mut response = HttpResponse::Ok();
        for same_site in [SameSite::Strict, SameSite::Lax, SameSite::None] {
            let name = same_site.to_string();
            response.cookie(Cookie::build(name, "1").path("/").same_site(same_site).finish());
        }
        response.cookie(Cookie::build("Unset", "1").path("/").max_age(Duration::DAY).finish());
        response.finish()
    };
    let app = App::new().route("/set", web::get().to(cookies)).route("/", web::route().to(echo));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    browser.get(&app, "/set").await;
    let all = "[Strict=1; Lax=1; None=1; Unset=1]";
    assert_eq!(browser.get(&app, "/").await.body, format!("GET {all} "));
    let mut other = browser.cross_site();
    assert_eq!(other.get(&app, "/").await.body, "GET [Lax=1; None=1; Unset=1] ");
    assert_eq!(other.post_form(&app, "/", &[("a", "b")]).await.body, "POST [None=1; Unset=1] a=b");
}

#[actix_web::test]
async fn token_in_a_cookie_reaches_the_guard_and_its_absence_is_noticed() {
    let auth = TestIssuer::new(ISSUER);
    let verifier = auth.verifier().token_from([TokenSource::cookie("token")]).build().unwrap();
    let guarded = web::get().to(async || "me").wrap(PasetoRequired::new());
    let app = App::new()
        .app_data(verifier)
        .route("/me", guarded)
        .route("/twin", web::get().to(async || "me"));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get(&app, "/twin").await.status, StatusCode::OK);
    browser.set_cookie("token", auth.user("ada").token());
    assert_eq!(browser.get(&app, "/me").await.body, "me");
    assert!(!format!("{browser:?}").contains("v4.public"));
}

#[actix_web::test]
async fn error_of_a_middleware_is_a_page() {
    use actix_web::dev::{Service, ServiceRequest};
    let fail = |req: ServiceRequest, service: &_| {
        let is_allowed = *req.method() == Method::POST;
        let inner = Service::call(service, req);
        async move { if is_allowed { inner.await } else { Err(ErrorForbidden("no")) } }
    };
    let app = init_service(App::new().wrap_fn(fail).route("/", web::route().to(echo))).await;
    let page = Browser::new().get(&app, "/").await;
    assert_eq!((page.status, page.body.as_str()), (StatusCode::FORBIDDEN, "no"));
}

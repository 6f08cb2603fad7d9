//! Cross-origin requests with tokens that a closure of the application returned.

use actix_web::HttpRequest;
use base64ct::{Base64, Encoding};
use paseto_actix_tests::app::{send, token_of};

use crate::cross_origin::{CROSS, EVIL, HOST, SITE, builder, passes, request};

fn header(req: &HttpRequest, name: &str) -> Option<String> {
    Some(req.headers().get(name)?.to_str().unwrap().to_owned())
}

fn cookie(req: &HttpRequest, name: &str) -> Option<String> {
    Some(req.cookie(name)?.value().to_owned())
}

/// The verifier does not know where a closure read the token. If the token can come from a cookie,
/// it counts as a token in a cookie.
#[actix_web::test]
async fn token_from_a_closure_counts_as_a_cookie_if_a_cookie_can_contain_it() {
    type Loader = fn(&HttpRequest) -> Option<String>;
    let token = token_of("ada");
    let (head, tail) = token.split_at(40);
    let bearer = format!("Bearer {token}");
    let own_scheme = format!("Paseto {token}");
    let (own, session) = (format!("paseto={token}"), "session=1".to_owned());
    let halves = format!("a={head}; b={tail}");
    let referer = format!("https://api.example/?token={token}");

    let by_header: Loader = |req| header(req, "x-token");
    let by_scheme: Loader =
        |req| header(req, "authorization")?.strip_prefix("Paseto ").map(str::to_owned);
    let by_cookie: Loader = |req| cookie(req, "paseto");
    let by_halves: Loader = |req| Some(cookie(req, "a")? + &cookie(req, "b")?);
    let by_query: Loader = |req| req.query_string().strip_prefix("token=").map(str::to_owned);

    type Headers<'a> = Vec<(&'a str, &'a str)>;
    // Browsers send the credentials of HTTP authentication schemes automatically, and encoded.
    let by_basic: Loader = |req| {
        let decoded =
            Base64::decode_vec(header(req, "authorization")?.strip_prefix("Basic ")?).ok()?;
        String::from_utf8(decoded).ok()?.strip_prefix("token:").map(str::to_owned)
    };
    let basic = format!("Basic {}", Base64::encode_string(format!("token:{token}").as_bytes()));
    let table: [(Loader, Headers<'_>, bool); 12] = [
        (by_basic, vec![("authorization", &basic)], false),
        (by_header, vec![("x-token", &token)], true),
        (by_header, vec![("x-token", &token), ("cookie", &session)], true),
        (by_header, vec![("x-token", &token), ("cookie", &own)], true),
        (by_scheme, vec![("authorization", &own_scheme), ("cookie", &session)], true),
        (by_cookie, vec![("cookie", &own)], false),
        (by_cookie, vec![("cookie", &own), ("referer", &referer)], false),
        (by_cookie, vec![("cookie", &own), ("authorization", "Basic eA==")], false),
        (by_cookie, vec![("cookie", &own), ("authorization", &bearer)], true),
        (by_halves, vec![("cookie", &halves)], false),
        (by_query, vec![], true),
        (by_query, vec![("cookie", &session)], false),
    ];
    for (loader, headers, allowed) in table {
        let verifier = builder().token_loader(loader).build().unwrap();
        let uri = format!("/?token={token}");
        let own_site = [headers.as_slice(), &[(SITE, "same-origin")]].concat();
        assert!(
            passes(&verifier, request("POST", &own_site).uri(&uri)).await,
            "{headers:?}, same origin"
        );
        assert!(
            passes(&verifier, request("GET", &headers).append_header(CROSS).uri(&uri)).await,
            "{headers:?}, GET"
        );
        for origin in [CROSS, EVIL] {
            let request =
                request("POST", &headers).append_header(origin).append_header(HOST).uri(&uri);
            assert_eq!(passes(&verifier, request).await, allowed, "{headers:?}");
        }
    }
}

/// A token that the server stores for a cookie counts as a token in a cookie. An empty token counts
/// too.
#[actix_web::test]
async fn token_stored_by_the_server_counts_as_a_cookie() {
    let stored = token_of("ada");
    let by_session = builder()
        .token_loader(move |req| cookie(req, "session").map(|_| stored.clone()))
        .build()
        .unwrap();
    let session = ("cookie", "session=1");
    assert!(!passes(&by_session, request("POST", &[session, CROSS])).await);
    assert!(passes(&by_session, request("POST", &[session, (SITE, "same-origin")])).await);

    let empty = builder().token_loader(|_| Some(String::new())).build().unwrap();
    for origin in [CROSS, (SITE, "same-origin")] {
        let (response, runs) = send(&empty, request("POST", &[session, origin])).await;
        assert_eq!(
            (response.status.as_u16(), response.challenge(), runs),
            (401, r#"Bearer realm="api""#, 0)
        );
    }
}

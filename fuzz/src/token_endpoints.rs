//! The bodies of requests for tokens. A simple model predicts the status of each request, and
//! whether the login is still valid. The first byte selects the endpoint, the second byte the
//! content type. `$R` in the body stands for a refresh token, `$A` for an access token.

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::dev::Service;
use actix_web::test::{TestRequest, init_service};
use paseto_actix::RefreshTokens;
use paseto_actix::refresh::Login;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};

use crate::fixtures::{NOW, issuer_builder, local_key, verifier_builder};
use crate::form::{CONTENT_TYPES, fields, is_form, replace};
use crate::runtime::block_on;
use crate::tree::Tree;

const PATHS: [&str; 3] = ["/auth/token", "/auth/logout", "/auth/revoke"];

/// The parameters of a body.
#[derive(Default)]
struct Parameters {
    is_form: bool,
    grant_type: Option<String>,
    refresh_token: Option<String>,
    token: Option<String>,
}

/// Sends one request.
pub fn target(data: &[u8]) {
    let [path, content_type, body @ ..] = data else { return };
    if body.len() > 3000 {
        return;
    }
    let path = PATHS[usize::from(*path) % PATHS.len()];
    let content_type = CONTENT_TYPES[usize::from(*content_type) % CONTENT_TYPES.len()];
    block_on(check(path, content_type, body));
}

async fn check(path: &str, content_type: &str, body: &[u8]) {
    let issuer = issuer_builder().build().expect("an issuer");
    let tokens = RefreshTokens::builder(issuer, local_key())
        .token_family_store(MemoryTokenFamilyStore::new(16))
        .revocation_store(MemoryRevocationStore::new(16))
        .clock(|| NOW)
        .build()
        .expect("refresh tokens");
    let login = tokens.login("ada").await.expect("a login");
    let pair = login.issue(&json!({})).expect("a pair");
    let (access, refresh) = (pair.access_token.to_string(), pair.refresh_token.to_string());
    let body = replace(body, &[("$R", &refresh), ("$A", &access)]);

    let issue = async |login: Login| login.issue(&json!({}));
    let app = App::new()
        .app_data(verifier_builder().build().expect("a verifier"))
        .service(TokenEndpoints::new(tokens.clone(), issue));
    let service = init_service(app).await;
    let mut request = TestRequest::post().uri(path).set_payload(body.clone());
    if !content_type.is_empty() {
        request = request.insert_header(("Content-Type", content_type));
    }
    let response = service.call(request.to_request()).await.expect("a response");
    let status = response.status().as_u16();
    let answer = to_bytes(response.into_body()).await.expect("a body");
    let answer = String::from_utf8(answer.to_vec()).expect("a text");
    assert!(!answer.contains(&refresh));
    assert!(matches!(status, 200 | 204 | 400 | 401), "{status}");

    let is_json = content_type == CONTENT_TYPES[1];
    let is_tree = || Tree::from_json(&body).is_some();
    if is_json && serde_json::from_slice::<IgnoredAny>(&body).is_ok() && !is_tree() {
        // The library skips the values of unknown members, so it may accept other strings in them.
        return;
    }
    let parameters = parameters(content_type, &body);
    let is_login = |token: &Option<String>| token.as_deref() == Some(&*refresh);
    let mut is_valid = true;
    let expected = match (path, &parameters) {
        (_, None) => 400,
        ("/auth/token", Some(parameters)) => match parameters.grant_type.as_deref() {
            Some("refresh_token") if is_login(&parameters.refresh_token) => 200,
            None if !parameters.is_form && is_login(&parameters.refresh_token) => 200,
            _ => 400,
        },
        ("/auth/logout", Some(parameters)) => match &parameters.refresh_token {
            token if is_login(token) => {
                is_valid = false;
                204
            }
            Some(_) => 400,
            None => 401,
        },
        (_, Some(parameters)) => match &parameters.token {
            None => 400,
            token => {
                is_valid = !is_login(token) && token.as_ref() != Some(&access);
                200
            }
        },
    };
    assert_eq!(status, expected, "{path} {}", String::from_utf8_lossy(&body));

    let renewed = (path == "/auth/token" && status == 200)
        .then(|| serde_json::from_str::<Json>(&answer).expect("JSON"));
    let next = match &renewed {
        Some(answer) => answer["refresh_token"].as_str().expect("a token"),
        None => &refresh,
    };
    assert_eq!(tokens.refresh(next).await.is_ok(), is_valid);
}

/// Returns the parameters of a body. Returns `None` for a malformed body.
fn parameters(content_type: &str, body: &[u8]) -> Option<Parameters> {
    let mut found = Parameters::default();
    if body.is_empty() {
        return Some(found);
    }
    found.is_form = is_form(content_type);
    let pairs: Vec<(String, Option<String>)> = if found.is_form {
        let value = |value: String| Some(value).filter(|value| !value.is_empty());
        str::from_utf8(body).ok()?;
        fields(body).into_iter().map(|(name, text)| (name, value(text))).collect()
    } else if content_type == CONTENT_TYPES[1] {
        let Some(Tree::Map(members)) = Tree::from_json(body) else { return None };
        let known = |name: &Tree| match name {
            Tree::Text(name) if ["grant_type", "refresh_token", "token"].contains(&&**name) => {
                Some(name.clone())
            }
            _ => None,
        };
        let mut pairs = Vec::new();
        for (name, value) in members {
            let Some(name) = known(&name) else { continue };
            match value {
                Tree::Text(text) => pairs.push((name, Some(text))),
                Tree::Null => pairs.push((name, None)),
                _ => return None,
            }
        }
        pairs
    } else {
        return None;
    };
    for (index, (name, value)) in pairs.iter().enumerate() {
        let field = match name.as_str() {
            "grant_type" => &mut found.grant_type,
            "refresh_token" => &mut found.refresh_token,
            "token" => &mut found.token,
            _ => continue,
        };
        if pairs[..index].iter().any(|(other, _)| other == name) {
            return None;
        }
        *field = value.clone();
    }
    Some(found)
}

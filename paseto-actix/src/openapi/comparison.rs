//! Compares a document with the guards of an application, by requests.

use std::collections::BTreeSet;

use actix_http::Request;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, TryIntoHeaderPair, WWW_AUTHENTICATE};
use actix_web::test::TestRequest;
use utoipa::openapi::OpenApi;

use super::document::{Operation, Security, operations, schemes};
use crate::error::quote_list;
use crate::test_request::send;

/// Asserts that the security requirements in a document are those of the application. For tests.
///
/// `credential` is a header with a token that the application accepts, **without scopes**: a
/// `TestUser` of the feature `testing`, or `("Authorization", format!("Bearer {token}"))`. The
/// function sends two requests without a body to each operation, and replaces each path parameter
/// by `1`:
///
/// - A request without a credential. The response must be `401` if the document requires
///   security, and must not be `401` otherwise.
/// - A request with `credential`, if the document requires security. The scopes in the challenge
///   of the response ([RFC 6750, section 3]) must be the scopes in the document.
///
/// A route whose parameter does not match `1` responds with `404`, which the function reports.
///
/// **Handlers run** if they accept one of these requests, so use stores of the test.
///
/// The challenge names the scopes of `scopes(..)` and `any_scope(..)` together. So the function
/// does not find a document that requires all scopes where the guard requires one of them. It
/// cannot compare scopes if an error handler removes the `WWW-Authenticate` header.
///
/// ```
/// use actix_web::test::init_service;
/// use actix_web::{App, get};
/// use paseto_actix::openapi::{BearerScheme, assert_documented};
/// use paseto_actix::{Issuer, SecretKey, Verifier, paseto_required};
/// use utoipa::OpenApi;
///
/// #[paseto_required(scopes("reports:read"))]
/// #[utoipa::path(responses((status = 200, description = "The reports", body = String)))]
/// #[get("/reports")]
/// async fn reports() -> &'static str {
///     "reports"
/// }
///
/// #[derive(OpenApi)]
/// #[openapi(paths(reports), modifiers(&BearerScheme))]
/// struct ApiDoc;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let verifier = Verifier::builder().trust("https://issuer.test", key.public_key()).build()?;
/// let issuer = Issuer::builder("https://issuer.test").key(key).build()?;
/// let app = init_service(App::new().app_data(verifier).service(reports)).await;
///
/// let token = issuer.issue(&serde_json::json!({}))?;
/// let credential = ("Authorization", format!("Bearer {token}"));
/// assert_documented(&app, &ApiDoc::openapi(), credential).await;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Panics with a list of all differences: the method and the path of each operation, the
/// requirement in the document, and the response of the application. Panics also if the document
/// has no operation, or uses a security scheme that it does not define.
///
/// [RFC 6750, section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
pub async fn assert_documented<S, B>(
    app: &S,
    document: &OpenApi,
    credential: impl TryIntoHeaderPair + Clone,
) where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let document = serde_json::to_value(document).expect("a document is JSON");
    let (operations, schemes) = (operations(&document), schemes(&document));
    assert!(!operations.is_empty(), "the document has no operation");
    let mut differences = Vec::new();
    for operation in &operations {
        let difference = compare(app, operation, &schemes, credential.clone()).await;
        let Operation { method, path, .. } = operation;
        differences
            .extend(difference.map(|difference| format!("\n  {method} {path}: {difference}")));
    }
    assert!(
        differences.is_empty(),
        "the document and the guards of the application differ:{}",
        differences.concat()
    );
}

/// Returns the first difference between an operation and the application.
async fn compare<S, B>(
    app: &S,
    operation: &Operation,
    schemes: &BTreeSet<String>,
    credential: impl TryIntoHeaderPair,
) -> Option<String>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let request =
        || TestRequest::with_uri(&filled(&operation.path)).method(operation.method.clone());
    let status = send(app, request().to_request()).await.status();
    let Some(Security { schemes: used, scopes }) = &operation.security else {
        let is_guarded = status == StatusCode::UNAUTHORIZED;
        return is_guarded.then(|| {
            "the document requires no security, but the response without a token was 401".to_owned()
        });
    };
    if let Some(undefined) = used.difference(schemes).next() {
        return Some(format!(
            "the document does not define the security scheme `{undefined}`: add \
             `modifiers(&BearerScheme)` to `#[openapi(..)]`"
        ));
    }
    if status != StatusCode::UNAUTHORIZED {
        return Some(format!(
            "the document requires security, but the response without a token was {}",
            status.as_u16()
        ));
    }

    let response = send(app, request().insert_header(credential).to_request()).await;
    let (status, challenge) = (response.status(), challenge(response.headers()));
    if status == StatusCode::UNAUTHORIZED && !challenge.contains("insufficient_user_authentication")
    {
        return Some(
            "the token was rejected with 401: pass a token that the application accepts".to_owned(),
        );
    }
    let required = scopes_of(challenge);
    (required != *scopes).then(|| {
        format!(
            "the document requires {}, but the guard requires {}",
            listed(scopes),
            listed(&required)
        )
    })
}

/// Replaces each `{parameter}` of a path by `1`.
fn filled(path: &str) -> String {
    let mut parts = path.split('{');
    let start = parts.next().unwrap_or_default().to_owned();
    parts.fold(start, |path, part| path + "1" + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn challenge(headers: &HeaderMap) -> &str {
    headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Returns the scopes of a challenge, such as `Bearer error="insufficient_scope", scope="a b"`.
fn scopes_of(challenge: &str) -> BTreeSet<String> {
    let scopes = challenge.split_once(r#" scope=""#).and_then(|(_, rest)| rest.split_once('"'));
    scopes.into_iter().flat_map(|(scopes, _)| scopes.split(' ')).map(str::to_owned).collect()
}

fn listed(scopes: &BTreeSet<String>) -> String {
    if scopes.is_empty() {
        return "no scope".to_owned();
    }
    let scopes: Vec<_> = scopes.iter().cloned().collect();
    format!("the scopes {}", quote_list(&scopes, "and"))
}

//! The API for programs.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Responder, delete, get, post, web};
use paseto_actix::openapi::BearerScheme;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::{CurrentUser, LoginLayer, paseto_required};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::board::{Board, Notice, Removal};
use crate::users::{User, Users};

/// Issues the tokens of a program. Each refresh determines the scopes again, so a user who loses a
/// role loses its scopes when the access token expires, after at most 15 minutes.
pub(crate) fn issue(users: &Users, login: Login) -> Result<TokenPair, RefreshError> {
    let user = users.find(login.subject()).ok_or(RefreshError::Revoked)?;
    login.issue_with(&json!({}), |token| token.scopes(user.role.scopes().iter().copied()))
}

/// The current user
#[derive(Serialize, ToSchema)]
struct Me {
    email: String,
}

/// The user of the token or of the session.
#[utoipa::path(
    security(("paseto" = []), ("session" = [])),
    responses((status = 200, description = "The user", body = Me), (status = 401, description = "No valid credential")),
)]
#[get("/api/me")]
async fn me(user: CurrentUser<User>) -> web::Json<Me> {
    web::Json(Me { email: user.email.clone() })
}

/// The notices, the newest first. The script of the page calls it with the session.
#[utoipa::path(
    security(("paseto" = []), ("session" = [])),
    responses((status = 200, description = "The notices", body = [Notice]), (status = 401, description = "No valid credential")),
)]
#[get("/api/notices")]
async fn list_notices(_: CurrentUser<User>, board: web::Data<Board>) -> impl Responder {
    web::Json(board.notices())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNotice {
    #[schema(min_length = 1, max_length = 500)]
    text: String,
}

/// Posts a notice.
#[paseto_required(scopes("notices:write"))]
#[utoipa::path(responses(
    (status = 201, description = "The notice is posted", body = Notice),
    (status = 400, description = "The body is not a notice of 1 to 500 characters"),
    (status = 401, description = "No valid token"),
    (status = 403, description = "The token lacks the scope `notices:write`"),
    (status = 413, description = "The body is too long"),
))]
#[post("/api/notices")]
async fn post_notice(
    user: CurrentUser<User>,
    board: web::Data<Board>,
    notice: web::Json<NewNotice>,
) -> HttpResponse {
    match board.post(&user.email, &notice.text) {
        Some(notice) => HttpResponse::Created().json(notice),
        None => HttpResponse::BadRequest().finish(),
    }
}

/// Removes a notice. A user who is not an admin removes only own notices.
#[paseto_required(scopes("notices:write"))]
#[utoipa::path(responses(
    (status = 204, description = "The notice is removed"),
    (status = 401, description = "No valid token"),
    (status = 403, description = "The token lacks the scope `notices:write`, or another user is \
        the author"),
    (status = 404, description = "No notice has this ID"),
))]
#[delete("/api/notices/{id}")]
async fn remove_notice(
    user: CurrentUser<User>,
    board: web::Data<Board>,
    id: web::Path<u64>,
) -> HttpResponse {
    let status = match board.remove(*id, &user) {
        Removal::Removed => StatusCode::NO_CONTENT,
        Removal::NotFound => StatusCode::NOT_FOUND,
        Removal::NotAllowed => StatusCode::FORBIDDEN,
    };
    HttpResponse::new(status)
}

/// The logins of a user
#[derive(Serialize, ToSchema)]
struct UserLogins {
    email: String,
    logins: usize,
}

/// The number of remembered logins and programs of each user.
#[paseto_required(scopes("admin"))]
#[utoipa::path(responses(
    (status = 200, description = "The users", body = [UserLogins]),
    (status = 401, description = "No valid token"),
    (status = 403, description = "The token lacks the scope `admin`"),
    (status = 503, description = "The store of the logins is unavailable"),
))]
#[get("/api/logins")]
async fn count_logins(
    users: web::Data<Users>,
    logins: LoginLayer,
) -> actix_web::Result<web::Json<Vec<UserLogins>>> {
    let mut counts = Vec::new();
    for User { email, .. } in users.all() {
        let logins = logins.logins(&email).await?.len();
        counts.push(UserLogins { email, logins });
    }
    Ok(web::Json(counts))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only for the document")]
struct Refresh {
    refresh_token: String,
}

/// The fields of `TokenPair`
#[derive(ToSchema)]
#[expect(dead_code, reason = "only for the document")]
struct Tokens {
    access_token: String,
    refresh_token: String,
    token_type: String,
    /// In seconds
    expires_in: u64,
}

/// Exchanges a refresh token for an access token and the next refresh token.
#[utoipa::path(
    post,
    path = "/auth/token",
    request_body = Refresh,
    responses(
        (status = 200, description = "The next tokens", body = Tokens),
        (status = 400, description = "An error of RFC 6749, section 5.2, such as `invalid_grant`"),
        (status = 413, description = "The body is too long"),
        (status = 503, description = "The store of the logins is unavailable"),
    ),
)]
#[expect(dead_code, reason = "`TokenEndpoints` serves this path")]
fn refresh() {}

/// The cookie of the session, for the script of the page.
struct SessionScheme;

impl Modify for SessionScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let cookie = ApiKey::Cookie(ApiKeyValue::new("session"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

/// The OpenAPI document
#[derive(OpenApi)]
#[openapi(
    info(title = "Noticeboard", version = "1.0.0"),
    paths(me, list_notices, post_notice, remove_notice, count_logins, refresh),
    modifiers(&BearerScheme, &SessionScheme),
)]
pub(crate) struct ApiDocument;

#[get("/openapi.json")]
async fn openapi_json() -> impl Responder {
    web::Json(ApiDocument::openapi())
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(openapi_json)
        .service(me)
        .service(list_notices)
        .service(post_notice)
        .service(remove_notice)
        .service(count_logins);
}

//! An argument of a handler can set lint levels.

#![deny(unused_variables, unused_mut, unfulfilled_lint_expectations, clippy::pedantic)]

use actix_web::web;
use actix_web::web::{Json, Query};
use actix_web::{App, post};
use paseto_actix::paseto_required;

#[derive(serde::Deserialize)]
struct Point {
    x: i32,
}

#[post("/")]
#[paseto_required]
#[allow(clippy::unused_async, reason = "a handler is asynchronous")]
async fn with_levels(
    #[allow(unused_variables)] name: String,
    #[expect(unused_mut, unused_variables, reason = "the test is about this")] mut body: String,
    #[warn(clippy::pedantic)]
    #[forbid(unused_variables)]
    id: web::Path<u8>,
    #[allow(unused_variables)] (a, Query(b)): (String, Query<Point>),
    #[deny(unused_mut)] Json(Point { x, .. }): Json<Point>,
    _: String,
) -> String {
    format!("{id}{x}")
}

#[test]
fn lint_levels_on_arguments_apply() {
    let _ = App::new().service(with_levels);
}

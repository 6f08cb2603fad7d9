//! Whose login a response shows.

use serde_json::Value;

/// Returns whether a successful response shows another user than this one. A response that must
/// show the user and does not counts too. `line` is the method and the path of the request.
pub(crate) fn shows_other_user(line: &str, status: u16, body: &str, user: &str) -> bool {
    let is_reader = user.starts_with("guest");
    // The header of each page links to the page of the admin, if the user is one.
    let has_role = body.contains(r#"href="/admin""#) == user.starts_with("admin");
    let shows_user = match (line, status) {
        ("GET /api/me", 200) => text(body, "email").as_deref() == Some(user),
        ("POST /api/notices", 201) => text(body, "author").as_deref() == Some(user),
        ("GET /account", 200) => {
            has_role && body.contains(&format!("Logged in as <strong>{user}</strong>."))
        }
        // This page shows the role of the user. Each user of the example has another role.
        ("GET /", 200) => has_role && body.contains(r#"action="/notices""#) != is_reader,
        ("GET /account/program" | "POST /account/program", 200) => has_role,
        _ => true,
    };
    !shows_user
}

/// Returns the text of a field of a JSON document.
fn text(body: &str, name: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    body[name].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: [&str; 3] = ["guest@bar.example", "foo@bar.example", "admin@bar.example"];

    /// Returns the user for which a response is right, among the users of the example.
    fn owners(line: &str, status: u16, body: &str) -> Vec<&'static str> {
        USERS.into_iter().filter(|user| !shows_other_user(line, status, body, user)).collect()
    }

    #[test]
    fn api_shows_the_user_of_the_login() {
        let me = r#"{"email":"foo@bar.example"}"#;
        assert_eq!(owners("GET /api/me", 200, me), ["foo@bar.example"]);
        let notice = r#"{"id":1,"author":"admin@bar.example","text":"foo@bar.example"}"#;
        assert_eq!(owners("POST /api/notices", 201, notice), ["admin@bar.example"]);
        for body in ["", "{}", r#"{"email":null}"#, "foo@bar.example"] {
            assert!(owners("GET /api/me", 200, body).is_empty(), "{body}");
            assert!(owners("POST /api/notices", 201, body).is_empty(), "{body}");
        }
    }

    #[test]
    fn pages_show_the_user_or_the_role_of_the_user() {
        let admin = r#"<a href="/admin">Admin</a>"#;
        let form = r#"<form method="post" action="/notices">"#;
        let remove = r#"<form method="post" action="/notices/remove">"#;
        assert_eq!(owners("GET /", 200, &format!("{admin}{form}{remove}")), ["admin@bar.example"]);
        assert_eq!(owners("GET /", 200, &format!("{form}{remove}")), ["foo@bar.example"]);
        assert_eq!(owners("GET /", 200, "foo@bar.example"), ["guest@bar.example"]);

        let account = "<p>Logged in as <strong>foo@bar.example</strong>.</p>";
        assert_eq!(owners("GET /account", 200, account), ["foo@bar.example"]);
        assert!(owners("GET /account", 200, &format!("{admin}{account}")).is_empty());
        assert!(owners("GET /account", 200, "foo@bar.example").is_empty());
        for line in ["GET /account/program", "POST /account/program"] {
            assert_eq!(owners(line, 200, admin), ["admin@bar.example"]);
            assert_eq!(owners(line, 200, ""), ["guest@bar.example", "foo@bar.example"]);
        }
    }

    #[test]
    fn other_responses_show_no_user() {
        assert_eq!(owners("GET /api/me", 503, ""), USERS);
        assert_eq!(owners("GET /", 303, ""), USERS);
        assert_eq!(owners("GET /api/notices", 200, "[]"), USERS);
    }
}

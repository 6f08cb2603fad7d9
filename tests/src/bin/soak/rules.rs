//! Which response is right.

use std::time::Duration;

use paseto_actix_tests::connection::Response;

use crate::identity::shows_other_user;
use crate::requests::Request;

/// The time after which the server cancels a command to its store, and responds `503`.
const STORE_TIMEOUT: Duration = Duration::from_millis(250);

/// The response that a request must get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The credential is valid, so the status is this one.
    Accepted(u16),
    /// The credential is invalid by itself. The server rejects it without its store.
    Invalid(u16),
    /// The credential is invalid by itself. The server redirects to the login page.
    InvalidPage,
    /// The user has logged out. The server redirects to the login page.
    LoggedOut,
    /// The login was revoked. The server needs its store to know this.
    Revoked,
    /// An outage has interrupted a change of this login, so it can be valid or revoked. The server
    /// shows a page, or redirects to the login page.
    Unknown,
}

/// Whether a response was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// The response is `503`, and the store was unavailable.
    Unavailable,
    /// The response is `503`. The store was running, but did not reply within the timeout. A busy
    /// machine is the usual cause.
    Late,
    /// The response is wrong: the program counts a false answer.
    Wrong,
    /// The response would be right, but shows another user. This is a false answer too.
    OtherUser,
}

impl Verdict {
    pub(crate) fn is_false(self) -> bool {
        matches!(self, Self::Wrong | Self::OtherUser)
    }
}

/// The part of a response that the rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether the response redirects to the login page.
    pub(crate) needs_login: bool,
    /// Whether the response shows another user than the owner of the login.
    pub(crate) shows_other_user: bool,
}

impl Answer {
    /// Returns the answer to a request with a login of this user.
    pub(crate) fn of(response: &Response, request: &Request, user: &str) -> Self {
        let Response { status, body, .. } = response;
        let location = response.header("location").unwrap_or_default();
        let needs_login =
            *status == 303 && (location == "/login" || location.starts_with("/login?"));
        let shows_other_user = shows_other_user(request.line(), *status, body, user);
        Self { status: *status, needs_login, shows_other_user }
    }

    /// Returns whether the server has rejected the credential of the request.
    pub(crate) fn is_rejection(self) -> bool {
        matches!(self.status, 400 | 401) || self.needs_login
    }
}

/// Compares an answer with the expected one. `None` is a request without a response. `is_outage` is
/// true if the store was unavailable during the request, or shortly before. `time` is the response
/// time.
pub(crate) fn verdict(
    expected: Expected,
    answer: Option<Answer>,
    is_outage: bool,
    time: Duration,
) -> Verdict {
    let Some(answer) = answer else { return Verdict::Wrong };
    let needs_store = !matches!(expected, Expected::Invalid(_) | Expected::InvalidPage);
    if answer.status == 503 {
        return match (needs_store, is_outage) {
            (true, true) => Verdict::Unavailable,
            (true, false) if time >= STORE_TIMEOUT => Verdict::Late,
            _ => Verdict::Wrong,
        };
    }
    let is_right = match expected {
        Expected::Accepted(status) | Expected::Invalid(status) => {
            answer.status == status && !answer.needs_login
        }
        Expected::InvalidPage | Expected::LoggedOut => answer.needs_login,
        Expected::Revoked => answer.is_rejection(),
        Expected::Unknown => answer.status == 200 || answer.needs_login,
    };
    match (is_right, answer.shows_other_user) {
        (true, false) => Verdict::Right,
        (true, true) => Verdict::OtherUser,
        (false, _) => Verdict::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(status: u16) -> Option<Answer> {
        Some(Answer { status, needs_login: false, shows_other_user: false })
    }

    /// Returns the verdict on a quick answer.
    fn soon(expected: Expected, answer: Option<Answer>, is_outage: bool) -> Verdict {
        verdict(expected, answer, is_outage, Duration::from_millis(249))
    }

    const TO_LOGIN: Option<Answer> =
        Some(Answer { status: 303, needs_login: true, shows_other_user: false });

    #[test]
    fn revoked_login_is_never_accepted() {
        for is_outage in [false, true] {
            for status in [200, 201, 204, 303, 403, 500] {
                let verdict = soon(Expected::Revoked, plain(status), is_outage);
                assert_eq!(verdict, Verdict::Wrong, "{status}");
            }
            for answer in [plain(400), plain(401), TO_LOGIN] {
                assert_eq!(soon(Expected::Revoked, answer, is_outage), Verdict::Right);
            }
        }
    }

    #[test]
    fn valid_login_is_rejected_by_503_only_and_only_in_an_outage() {
        let expected = Expected::Accepted(200);
        assert_eq!(soon(expected, plain(200), false), Verdict::Right);
        assert_eq!(soon(expected, plain(200), true), Verdict::Right);
        assert_eq!(soon(expected, plain(503), true), Verdict::Unavailable);
        assert_eq!(soon(expected, plain(503), false), Verdict::Wrong);
        for is_outage in [false, true] {
            for answer in [plain(401), plain(500), TO_LOGIN, None] {
                assert_eq!(soon(expected, answer, is_outage), Verdict::Wrong);
            }
        }
        assert_eq!(soon(Expected::Accepted(303), TO_LOGIN, false), Verdict::Wrong);
        assert_eq!(soon(Expected::LoggedOut, TO_LOGIN, false), Verdict::Right);
        assert_eq!(soon(Expected::LoggedOut, plain(303), false), Verdict::Wrong);
    }

    #[test]
    fn invalid_token_is_rejected_without_the_store() {
        for is_outage in [false, true] {
            assert_eq!(soon(Expected::Invalid(401), plain(401), is_outage), Verdict::Right);
            for status in [200, 500, 503] {
                let verdict = soon(Expected::Invalid(401), plain(status), is_outage);
                assert_eq!(verdict, Verdict::Wrong, "{status}");
            }
            assert_eq!(soon(Expected::InvalidPage, TO_LOGIN, is_outage), Verdict::Right);
            assert_eq!(soon(Expected::InvalidPage, plain(503), is_outage), Verdict::Wrong);
        }
    }

    #[test]
    fn interrupted_change_permits_both_answers_but_no_failure() {
        for is_outage in [false, true] {
            for answer in [plain(200), TO_LOGIN] {
                assert_eq!(soon(Expected::Unknown, answer, is_outage), Verdict::Right);
            }
            for status in [204, 303, 400, 401, 403, 500] {
                let verdict = soon(Expected::Unknown, plain(status), is_outage);
                assert_eq!(verdict, Verdict::Wrong, "{status}");
            }
        }
        assert_eq!(soon(Expected::Unknown, plain(503), true), Verdict::Unavailable);
        assert_eq!(soon(Expected::Unknown, plain(503), false), Verdict::Wrong);
    }

    #[test]
    fn login_of_another_user_is_a_false_answer_of_its_own() {
        let other = Some(Answer { status: 200, needs_login: false, shows_other_user: true });
        for expected in [Expected::Accepted(200), Expected::Unknown] {
            assert_eq!(soon(expected, other, false), Verdict::OtherUser);
            assert_eq!(soon(expected, plain(200), false), Verdict::Right);
        }
        assert_eq!(soon(Expected::Revoked, other, false), Verdict::Wrong);
        assert!(Verdict::OtherUser.is_false() && Verdict::Wrong.is_false());
        assert!(!Verdict::Right.is_false() && !Verdict::Late.is_false());
    }

    #[test]
    fn late_store_excuses_503_only_of_a_request_that_needs_the_store() {
        let late =
            |expected, status| verdict(expected, plain(status), false, Duration::from_millis(250));
        assert_eq!(late(Expected::Accepted(200), 503), Verdict::Late);
        assert_eq!(late(Expected::Revoked, 503), Verdict::Late);
        assert_eq!(late(Expected::Revoked, 200), Verdict::Wrong);
        assert_eq!(late(Expected::Accepted(200), 401), Verdict::Wrong);
        assert_eq!(late(Expected::Invalid(401), 503), Verdict::Wrong);
    }
}

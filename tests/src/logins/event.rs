//! The events that revoke logins, and the credentials that each event revokes.

/// A kind of credentials. It is a column of the table of [`Event::revokes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Access tokens.
    AccessTokens,
    /// Refresh tokens.
    RefreshTokens,
    /// Sessions.
    Sessions,
    /// Remembered logins.
    RememberedLogins,
}

/// Calls a macro with the name of the tests and the variant of each event.
#[macro_export]
macro_rules! for_each_event {
    ($callback:ident) => {
        $callback! {
            browser_logout_revokes_its_login: BrowserLogout,
            session_logout_revokes_its_login: SessionLogout,
            app_logout_revokes_its_login: AppLogout,
            logout_by_id_revokes_a_browser_login: BrowserLoginById,
            logout_by_id_revokes_an_app_login: AppLoginById,
            logout_everywhere_revokes_all_logins: LogoutAll,
            browser_logout_of_others_keeps_its_login: BrowserLogoutOthers,
            app_logout_of_others_keeps_its_login: AppLogoutOthers,
            reused_remember_me_cookie_revokes_its_login: ReusedCookie,
            reused_refresh_token_revokes_its_login: ReusedToken,
        }
    };
}

/// An event that revokes logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A browser logs out.
    BrowserLogout,
    /// A browser without the remember-me cookie logs out.
    SessionLogout,
    /// An app logs out.
    AppLogout,
    /// A browser logs out its login by ID.
    BrowserLoginById,
    /// An app logs out its login by ID.
    AppLoginById,
    /// A user logs out everywhere.
    LogoutAll,
    /// A browser logs out all other devices.
    BrowserLogoutOthers,
    /// An app logs out all other devices.
    AppLogoutOthers,
    /// A used remember-me cookie is sent again.
    ReusedCookie,
    /// A used refresh token is sent again.
    ReusedToken,
}

/// The logins of a user that an event revokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedLogins {
    /// No login.
    None,
    /// The login of the event.
    This,
    /// The other logins of the user.
    Others,
    /// All logins of the user.
    All,
}

impl Event {
    /// Returns the logins whose credentials the event revokes. The table has a row for
    /// each event.
    pub fn revokes(self, column: Column) -> RevokedLogins {
        let of_app = matches!(column, Column::AccessTokens | Column::RefreshTokens);
        match self {
            Self::BrowserLogout
            | Self::SessionLogout
            | Self::BrowserLoginById
            | Self::ReusedCookie => {
                if of_app {
                    RevokedLogins::None
                } else {
                    RevokedLogins::This
                }
            }
            Self::AppLogout | Self::AppLoginById | Self::ReusedToken => {
                if of_app {
                    RevokedLogins::This
                } else {
                    RevokedLogins::None
                }
            }
            Self::LogoutAll => RevokedLogins::All,
            Self::BrowserLogoutOthers => {
                if of_app {
                    RevokedLogins::All
                } else {
                    RevokedLogins::Others
                }
            }
            Self::AppLogoutOthers => {
                if of_app {
                    RevokedLogins::Others
                } else {
                    RevokedLogins::All
                }
            }
        }
    }
}

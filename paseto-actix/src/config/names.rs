//! The names of all settings. The first name is the name of the method on the builder. The other
//! names are aliases. They are names of Flask-PASETO-Extended without the prefix `PASETO_`, or
//! names of Flask-Login without the prefix `REMEMBER_COOKIE_`.

use super::table::Names;

pub(crate) const ISSUER: Names = &[
    &["iss"],
    &["private_keys"],
    &["ttl", "exp"],
    &["max_ttl"],
    &["audience", "aud"],
    &["format", "serializer"],
    &["include_iss", "use_iss"],
    &["include_iat", "use_iat"],
    &["include_nbf", "use_nbf"],
    &["include_jti", "use_jti"],
    &["include_kid", "use_kid"],
    &["implicit_assertion"],
];

pub(crate) const VERIFIER: Names = &[
    &["public_keys"],
    &["remote_keys"],
    &["iss"],
    &["leeway", "skew"],
    &["audience", "aud"],
    &["accept_any_audience", "any_aud"],
    &["format", "deserializer"],
    &["implicit_assertion"],
    &["realm"],
    &["resource_metadata"],
    &["trusted_origins"],
];

#[cfg(feature = "session")]
pub(crate) const SESSION: Names = &[
    &["keys"],
    &["application"],
    &["cookie"],
    &["development_over_plain_http"],
    &["trusted_origins"],
    &["idle_timeout"],
    &["absolute_timeout"],
    &["persistent"],
    &["decrypted_cache_capacity"],
    &["subject_key"],
];

#[cfg(feature = "remember")]
pub(crate) const REMEMBER: Names = &[
    &["keys"],
    &["application"],
    &["cookie"],
    &["development_over_plain_http"],
    &["trusted_origins"],
    &["lifetime", "duration"],
    &["check_user"],
    &["session_protection"],
    &["other_session_middleware"],
    &["login_page"],
];

#[cfg(feature = "session")]
pub(crate) const REFRESH: Names =
    &[&["keys"], &["application"], &["access_ttl"], &["lifetime"], &["grace_period"]];

/// The nested table of sessions and remembered logins.
pub(crate) const COOKIE: Names = &[
    &["name"],
    &["path"],
    &["domain"],
    &["same_site", "samesite"],
    &["http_only", "httponly"],
    &["partitioned"],
];

/// The settings whose environment variable can have the suffix `_FILE`. The variable then contains
/// the path of a file, and the file contains the value.
pub(super) const SECRETS: [&str; 4] = ["private_keys", "public_keys", "keys", "implicit_assertion"];

/// The settings that can name a key file.
pub(super) const KEYS: [&str; 2] = ["private_keys", "keys"];

//! The bodies of the fuzz targets. Each target is a function of bytes that panics if a property of
//! `paseto-actix` does not hold. The fuzzer and the test over the seeds call the same functions.
//! `docs/quality.md` lists the targets and their properties.

#![forbid(unsafe_code)]

pub mod csrf_form;
pub mod ed25519;
pub mod fixtures;
pub mod footer;
pub mod forgery;
pub mod form;
pub mod issue;
pub mod key_schedule;
pub mod key_set;
pub mod local;
pub mod paserk;
pub mod payload;
pub mod pem;
pub mod redirect_path;
pub mod request;
pub mod runtime;
pub mod session;
pub mod settings;
pub mod time_claim;
pub mod token;
pub mod token_endpoints;
pub mod tree;

#[cfg(test)]
mod mutator;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tests;

/// A target.
pub type Target = fn(&[u8]);

/// The targets and their names, which are the names of the programs and of the folders in `seeds`.
pub const TARGETS: [(&str, Target); 19] = [
    ("csrf_form", csrf_form::target),
    ("ed25519", ed25519::target),
    ("footer", footer::target),
    ("forgery", forgery::target),
    ("issue", issue::target),
    ("key_schedule", key_schedule::target),
    ("key_set", key_set::target),
    ("local", local::target),
    ("paserk", paserk::target),
    ("payload_cbor", payload::cbor_target),
    ("payload_json", payload::json_target),
    ("pem", pem::target),
    ("redirect_path", redirect_path::target),
    ("request", request::target),
    ("session", session::target),
    ("settings", settings::target),
    ("time_claim", time_claim::target),
    ("token", token::target),
    ("token_endpoints", token_endpoints::target),
];

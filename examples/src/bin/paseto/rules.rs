//! The rules of a `Verifier`, in the order in which it checks them.

use paseto_actix::VerifyError;
use paseto_actix::error::VerifyErrorKind as Kind;

/// A rule that can reject a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Request,
    Format,
    Footer,
    Key,
    Signature,
    Claims,
    Issuer,
    Expiry,
    NotBefore,
    Audience,
    Checks,
    Revocation,
    AsyncChecks,
    Handler,
}

/// A footer with a key ID selects the key. The claims are read after the signature is verified.
const WITH_KID: [Rule; 14] = [
    Rule::Request,
    Rule::Format,
    Rule::Footer,
    Rule::Key,
    Rule::Signature,
    Rule::Claims,
    Rule::Issuer,
    Rule::Expiry,
    Rule::NotBefore,
    Rule::Audience,
    Rule::Checks,
    Rule::Revocation,
    Rule::AsyncChecks,
    Rule::Handler,
];

/// Without a key ID, the claim `iss` selects the keys, so the claims are read first.
const WITHOUT_KID: [Rule; 14] = [
    Rule::Request,
    Rule::Format,
    Rule::Footer,
    Rule::Claims,
    Rule::Issuer,
    Rule::Key,
    Rule::Signature,
    Rule::Expiry,
    Rule::NotBefore,
    Rule::Audience,
    Rule::Checks,
    Rule::Revocation,
    Rule::AsyncChecks,
    Rule::Handler,
];

impl Rule {
    /// Returns all rules in their order.
    pub(crate) fn in_order(has_kid: bool) -> &'static [Self] {
        if has_kid { &WITH_KID } else { &WITHOUT_KID }
    }

    /// The name in the output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Format => "format",
            Self::Footer => "footer",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Expiry => "expiry",
            Self::NotBefore => "not before",
            Self::Audience => "audience",
            Self::Checks => "checks",
            Self::Revocation => "revocation",
            Self::AsyncChecks => "async checks",
            Self::Handler => "handler",
        }
    }

    /// Returns whether the rule depends on a request or on the code of an application.
    pub(crate) fn needs_application(self) -> bool {
        matches!(
            self,
            Self::Request | Self::Checks | Self::Revocation | Self::AsyncChecks | Self::Handler
        )
    }
}

/// What is known about a rejected token beyond its error.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) has_issuer: bool,
    /// Why each verifier rejects the footer.
    pub(crate) footer_problem: Option<&'a str>,
    /// Why each verifier rejects the claims.
    pub(crate) claims_problem: Option<&'a str>,
}

/// Returns the rule that rejected the token. Returns `None` for an error that is not about the
/// token.
pub(crate) fn rule_of(error: &VerifyError, evidence: &Evidence<'_>) -> Option<Rule> {
    let message = error.to_string();
    rule_of_kind(error.kind()).map(|rule| match error.kind() {
        // One kind for three rules. The message is the same if the same rule is broken.
        Kind::Malformed if evidence.footer_problem == Some(&message) => Rule::Footer,
        Kind::Malformed if evidence.claims_problem == Some(&message) => Rule::Claims,
        Kind::MissingClaim if !evidence.has_issuer => Rule::Issuer,
        _ => rule,
    })
}

/// Returns the first rule that rejects tokens with this kind.
fn rule_of_kind(kind: Kind) -> Option<Rule> {
    Some(match kind {
        Kind::MissingToken | Kind::InvalidRequest | Kind::CrossOrigin => Rule::Request,
        Kind::Malformed | Kind::UnsupportedToken => Rule::Format,
        Kind::UnknownKey => Rule::Key,
        Kind::BadSignature => Rule::Signature,
        Kind::UntrustedIssuer => Rule::Issuer,
        Kind::Expired | Kind::MissingClaim => Rule::Expiry,
        Kind::NotYetValid => Rule::NotBefore,
        Kind::WrongAudience => Rule::Audience,
        Kind::Rejected | Kind::Forbidden => Rule::Checks,
        Kind::Revoked | Kind::Unavailable => Rule::Revocation,
        Kind::UnexpectedClaims | Kind::InsufficientUserAuthentication | Kind::InsufficientScope => {
            Rule::Handler
        }
        // `Misconfigured`, and kinds of later releases.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_contain_each_rule_once() {
        for rule in WITH_KID {
            assert_eq!(WITHOUT_KID.iter().filter(|other| **other == rule).count(), 1, "{rule:?}");
        }
        assert_ne!(WITH_KID, WITHOUT_KID);
    }
}

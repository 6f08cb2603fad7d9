//! What is kept of a verified token's registered claims, in as little memory as may be: there may be many such tokens.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{RegisteredClaims, policy::Judged};

/// Whose key signed a token. All its tokens share it.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The issuer that the key is trusted for, which is the token's `iss`.
    pub(crate) issuer: Arc<str>,
    /// The key's id.
    pub(crate) kid: Arc<str>,
}

/// The registered claims but for `iss`.
pub(crate) struct KeptClaims {
    /// The claims that are texts, one behind the other.
    texts: Box<str>,
    /// Where each begins and ends in there.
    places: [Option<Place>; Name::COUNT],
    pub(super) exp: Option<OffsetDateTime>,
    pub(super) nbf: Option<OffsetDateTime>,
    pub(super) iat: Option<OffsetDateTime>,
    pub(super) auth_time: Option<OffsetDateTime>,
    pub(super) sub_gen: u64,
    count: u16,
}

#[derive(Clone, Copy)]
struct Place {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy)]
pub(super) enum Name {
    Sub,
    Aud,
    Jti,
    Scope,
    Sid,
}

impl Name {
    const COUNT: usize = 5;
}

impl KeptClaims {
    /// `None` if they are longer than any token's.
    pub(crate) fn of(claims: &RegisteredClaims<'_>) -> Option<Self> {
        let RegisteredClaims { iss: _, sub, aud, jti, scope, sid, exp, nbf, iat, auth_time, sub_gen, count } = claims;
        let given = [sub, aud, jti, scope, sid];
        let mut texts = String::with_capacity(given.iter().copied().flatten().map(|text| text.len()).sum());
        let mut places = [None; Name::COUNT];
        for (place, text) in places.iter_mut().zip(given) {
            let Some(text) = text else { continue };
            let start = u16::try_from(texts.len()).ok()?;
            texts.push_str(text);
            *place = Some(Place { start, end: u16::try_from(texts.len()).ok()? });
        }
        let (texts, sub_gen) = (texts.into_boxed_str(), sub_gen.unwrap_or_default());
        let (exp, nbf, iat, auth_time, count) = (*exp, *nbf, *iat, *auth_time, u16::try_from(*count).ok()?);
        Some(Self { texts, places, exp, nbf, iat, auth_time, sub_gen, count })
    }

    pub(super) fn text(&self, name: Name) -> Option<&str> {
        let Place { start, end } = self.places[name as usize]?;
        self.texts.get(usize::from(start)..usize::from(end))
    }

    /// How many bytes all texts have.
    pub(super) fn texts_len(&self) -> usize {
        self.texts.len()
    }

    /// How many claims the token has, those of the user among them.
    pub(super) fn count(&self) -> usize {
        usize::from(self.count)
    }

    pub(super) fn judged(&self) -> Judged<'_> {
        Judged { exp: self.exp, nbf: self.nbf, iat: self.iat, aud: self.text(Name::Aud) }
    }

    /// The scopes that the token grants.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        self.text(Name::Scope).unwrap_or_default().split(' ').filter(|token| !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_its_own() {
        let text = |text: &'static str| Some(text.into());
        let claims = RegisteredClaims {
            sub: text("ada"),
            aud: text(""),
            scope: text("read write"),
            sid: text("s"),
            ..Default::default()
        };
        let kept = KeptClaims::of(&claims).expect("short ones");
        let names = [Name::Sub, Name::Aud, Name::Jti, Name::Scope, Name::Sid];
        assert_eq!(names.map(|name| kept.text(name)), [Some("ada"), Some(""), None, Some("read write"), Some("s")]);
        assert_eq!(kept.scopes().collect::<Vec<_>>(), ["read", "write"]);
        let long = RegisteredClaims { sub: Some("x".repeat(70_000).into()), ..Default::default() };
        assert!(KeptClaims::of(&long).is_none());
    }
}

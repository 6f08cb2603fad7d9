//! The time to issue a token. All subjects issue the same claims.

use pasetors::claims::Claims;
use pasetors::keys::AsymmetricSecretKey;
use pasetors::version4::V4;
use rusty_paseto::prelude::{
    CustomClaim, IssuerClaim, Key, PasetoAsymmetricPrivateKey, PasetoBuilder, Public, SubjectClaim,
    TokenIdentifierClaim, V4 as RustyV4,
};

use crate::group::{Comparison, Group, Target, Unit};
use crate::jwt;
use crate::keys::{Format, ISSUER, KeySet};
use crate::sampler::{Subject, sample};
use crate::selection::Run;
use crate::tokens::{issue_token, issuer, jwt_claims, private_claims};

const OURS: &str = "Issuer";
const EDDSA: &str = "jsonwebtoken EdDSA, aws-lc";
const RS256: &str = "jsonwebtoken RS256, aws-lc";
const ES256: &str = "jsonwebtoken ES256, aws-lc";

pub(super) fn measure(run: &Run, keys: &KeySet) -> Group {
    let mut group = Group::new("issue a token", Unit::Nanoseconds);
    let compare = |peer, target| Comparison::new(OURS, peer, target);
    group.comparisons = vec![
        compare("pasetors", None),
        compare("rusty_paseto", None),
        compare(EDDSA, Some(Target::AtMost(1.0))),
        compare(RS256, None),
        compare(ES256, None),
        compare("jsonwebtoken HS256", None),
    ];
    let issuer = issuer(keys.secret());
    let json_web_token = |name, format, batch| {
        let signer = jwt::Signer::new(keys, format);
        Subject::new(name, batch, move || signer.sign(&jwt_claims(1)))
    };
    let subjects = vec![
        Subject::new(OURS, 40, || issue_token(&issuer, 1)),
        pasetors_sign(keys),
        rusty_paseto_sign(keys),
        json_web_token(EDDSA, Format::EdDsa, 40),
        json_web_token(RS256, Format::Rs256, 2),
        json_web_token(ES256, Format::Es256, 40),
        json_web_token("jsonwebtoken HS256", Format::Hs256, 300),
    ];
    sample(&mut group, run, subjects);
    group
}

fn pasetors_sign(keys: &KeySet) -> Subject<'static> {
    let key = AsymmetricSecretKey::<V4>::from(&keys.secret_bytes()).expect("a key");
    let call = move || {
        // `Claims::new` sets `iat` and `nbf` to the current time, and `exp` to one hour later.
        let mut claims = Claims::new().expect("claims");
        claims.issuer(ISSUER).expect("a claim");
        claims.subject("user:1").expect("a claim");
        claims.token_identifier("0000000000000000000001").expect("a claim");
        claims.add_additional("scope", "read write").expect("a claim");
        let own = private_claims(1);
        for (name, value) in own.as_object().expect("a map") {
            claims.add_additional(name, value.clone()).expect("a claim");
        }
        pasetors::public::sign(&key, &claims, None, None).expect("a token")
    };
    Subject::new("pasetors", 40, call)
}

fn rusty_paseto_sign(keys: &KeySet) -> Subject<'static> {
    let key = Key::<64>::from(keys.secret_bytes());
    let call = move || {
        let own = private_claims(1);
        let mut builder = PasetoBuilder::<RustyV4, Public>::default();
        builder
            .set_claim(IssuerClaim::from(ISSUER))
            .set_claim(SubjectClaim::from("user:1"))
            .set_claim(TokenIdentifierClaim::from("0000000000000000000001"))
            .set_claim(CustomClaim::try_from(("scope", "read write")).expect("a claim"));
        for (name, value) in own.as_object().expect("a map") {
            builder
                .set_claim(CustomClaim::try_from((name.as_str(), value.clone())).expect("a claim"));
        }
        builder.build(&PasetoAsymmetricPrivateKey::from(&key)).expect("a token")
    };
    Subject::new("rusty_paseto", 40, call)
}

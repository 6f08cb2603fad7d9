//! Footers, which a verifier parses before it verifies the signature. The first byte selects the
//! format.

use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;

use crate::fixtures::{ISSUER, issuer_builder, secret_key, sign, verifier};
use crate::tree::Tree;

/// Checks one footer.
pub fn target(data: &[u8]) {
    let Some((selector, footer)) = data.split_first() else { return };
    let format = if selector % 2 == 0 { Format::Json } else { Format::Cbor };
    if footer.len() > 2000 {
        return;
    }
    let expected = expected(format, footer);

    let payload = match format {
        Format::Cbor => cbor_payload(),
        _ => format!(r#"{{"iss":"{ISSUER}","exp":"2030-01-01T00:00:00Z"}}"#).into_bytes(),
    };
    match verifier(format).verify_str(&sign(&payload, footer)) {
        Ok(token) => {
            assert_eq!(expected, Ok(()));
            assert_eq!(token.footer(), footer);
        }
        Err(error) => assert_eq!(Err(error.kind()), expected, "{error}"),
    }

    // An issuer writes only footers that the verifier accepts.
    let issuer = issuer_builder().format(format).footer_bytes(footer).build();
    let own = issuer.ok().map(|issuer| issuer.issue(&serde_json::json!({})).expect("a token"));
    if let Some(token) = own {
        let token = verifier(format).verify_str(&token).expect("a token of the issuer");
        assert_eq!(token.footer(), footer);
    } else {
        assert!(!matches!(expected, Ok(())) || has_other_kid(format, footer), "rejected a footer");
    }
}

fn expected(format: Format, footer: &[u8]) -> Result<(), Kind> {
    if footer.len() > 1024 {
        return Err(Kind::Malformed);
    }
    let kid = kid(format, footer).map_err(|()| Kind::Malformed)?;
    match kid.filter(|kid| kid.starts_with("k4.pid.")) {
        Some(kid) if kid != secret_key().kid() => Err(Kind::UnknownKey),
        _ => Ok(()),
    }
}

/// Returns whether the footer names another key, in a form that the verifier ignores.
fn has_other_kid(format: Format, footer: &[u8]) -> bool {
    kid(format, footer).is_ok_and(|kid| kid.is_some_and(|kid| kid != secret_key().kid()))
}

fn kid(format: Format, footer: &[u8]) -> Result<Option<String>, ()> {
    let is_map = match format {
        Format::Cbor => footer.first().is_some_and(|first| (0xa0..=0xbf).contains(first)),
        _ => footer.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'),
    };
    if !is_map {
        return Ok(None);
    }
    let tree = match format {
        Format::Cbor => Tree::from_cbor(footer),
        _ => Tree::from_json(footer),
    };
    let tree = tree.filter(Tree::is_well_formed).ok_or(())?;
    let Tree::Map(entries) = &tree else { return Err(()) };
    let is_flat = |tree: &Tree| !matches!(tree, Tree::List(_) | Tree::Map(_) | Tree::Tagged(_));
    if !entries.iter().all(|(_, value)| is_flat(value)) {
        return Err(());
    }
    match tree.get("kid") {
        None => Ok(None),
        Some(Tree::Text(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(()),
    }
}

fn cbor_payload() -> Vec<u8> {
    let text = |text: &str| ciborium::Value::from(text);
    let claims = vec![(text("iss"), text(ISSUER)), (text("exp"), text("2030-01-01T00:00:00Z"))];
    let mut bytes = Vec::new();
    ciborium::into_writer(&ciborium::Value::Map(claims), &mut bytes).expect("CBOR");
    bytes
}

//! What `#[paseto_required]` makes of a handler's arguments.

use std::marker::PhantomData;

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;

use super::{PasetoRequired, authenticate::admit};

/// What one handler needs, as a type.
pub trait Policy: 'static {
    /// The requirements.
    fn requirements() -> &'static PasetoRequired;
}

/// Any token that the Verifier takes.
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl Policy for AnyToken {
    fn requirements() -> &'static PasetoRequired {
        static NONE: std::sync::LazyLock<PasetoRequired> = std::sync::LazyLock::new(PasetoRequired::new);
        &NONE
    }
}

/// All arguments of a guarded handler in one.
///
/// actix polls the extractors of several arguments side by side, so a guard that was one of them could not keep the
/// others from reading the body, or from answering 400 before it has said 401.
#[derive(Debug)]
pub struct Guarded<P, T>(pub T, pub PhantomData<fn() -> P>);

impl<P, T> FromRequest for Guarded<P, T>
where
    P: Policy,
    T: FromRequest + 'static,
{
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            if let Err(denied) = admit(&req, P::requirements()).await {
                return Err(denied.into_error(&req));
            }
            let arguments = T::from_request(&req, &mut payload).await.map_err(Into::into)?;
            Ok(Self(arguments, PhantomData))
        })
    }
}

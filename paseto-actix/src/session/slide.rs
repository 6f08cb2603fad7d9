//! The layer inside of actix-session's: what it marks as changed there is sealed anew.

use std::{
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_session::{Session, SessionExt, SessionStatus};
use actix_web::{
    Error,
    dev::{Service, ServiceRequest, ServiceResponse},
    error::ErrorInsufficientStorage,
};
use futures_util::future::LocalBoxFuture;

use super::{PasetoSessionStore, facts, wire};

/// Makes sliding expiry and key rotation work.
///
/// `SessionStore::update_ttl` cannot hand out another cookie, and sealing at each request would cost a cookie at each response.
/// So a session is sealed anew once half of its idle limit is gone, or when a retired key had sealed it.
#[derive(Debug)]
pub struct Slide<S> {
    pub(super) service: Rc<S>,
    pub(super) store: PasetoSessionStore,
    pub(super) idle_limit: Duration,
}

impl<S, B> Service<ServiceRequest> for Slide<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, mut req: ServiceRequest) -> Self::Future {
        let renew = self.is_due();
        if let Some(before) = facts::take_headers() {
            wire::restore(req.headers_mut(), before);
        }
        facts::set_inside(true);
        let (response, store) = (self.service.call(req), self.store.clone());
        Box::pin(async move {
            let response = response.await;
            facts::set_inside(false);
            let response = response?;
            let session = response.request().get_session();
            if renew && session.status() == SessionStatus::Unchanged {
                mark_as_changed(&session);
            }
            if session.status() == SessionStatus::Renewed
                && let Some(size) = store.cannot_renew_to(&session.entries())
            {
                facts::note(|facts| facts.too_large = Some(size));
                return Err(ErrorInsufficientStorage("a session that is too large"));
            }
            Ok(response)
        })
    }
}

/// Removing what is not there changes nothing but the status.
fn mark_as_changed(session: &Session) {
    let mut absent = String::new();
    while session.contains_key(&absent) {
        absent.push('_');
    }
    session.remove(&absent);
}

impl<S> Slide<S> {
    fn is_due(&self) -> bool {
        facts::loaded().is_some_and(|loaded| {
            let left = loaded.life.expires.saturating_sub(self.store.now().unix_timestamp());
            let half = i64::try_from(self.idle_limit.as_secs() / 2).unwrap_or(i64::MAX);
            loaded.retired_key || (left <= half && self.store.can_slide(&loaded.life))
        })
    }
}

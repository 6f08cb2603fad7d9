//! The Issuer and the Verifier that the application registers with `app_data`.

use actix_web::{HttpRequest, web};

/// Returns the nearest `T` in app data, bare or in `web::Data`. Logs the reason for `None`.
pub(crate) fn find<'r, T: 'static>(req: &'r HttpRequest, name: &str) -> Option<&'r T> {
    match (req.app_data::<T>(), req.app_data::<web::Data<T>>()) {
        (Some(bare), None) => Some(bare),
        (None, Some(data)) => Some(data.get_ref()),
        (None, None) => {
            tracing::error!("no {name} in app data: register it with `App::app_data({name})`");
            None
        }
        // The nearer of the two may be the stricter one, and a request does not show which one it
        // is.
        (Some(_), Some(_)) => {
            tracing::error!(
                "one {name} in app data is bare, another is in `web::Data`: register all of them in the same way"
            );
            None
        }
    }
}

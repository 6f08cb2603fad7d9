//! Finds the issuer and the verifier that the application registered with `app_data`.

use actix_web::{HttpRequest, web};

/// Returns the nearest `T` in app data, either a bare `T` or a `web::Data<T>`. If the result is
/// `None`, logs the reason.
pub(crate) fn find<'r, T: 'static>(req: &'r HttpRequest, name: &str) -> Option<&'r T> {
    match (req.app_data::<T>(), req.app_data::<web::Data<T>>()) {
        (Some(bare), None) => Some(bare),
        (None, Some(data)) => Some(data.get_ref()),
        (None, None) => {
            tracing::error!("no {name} in app data: register it with `App::app_data({name})`");
            None
        }
        // The nearest value can have the stricter rules, and actix-web does not show which one is
        // the nearest.
        (Some(_), Some(_)) => {
            tracing::error!(
                "one {name} in app data is bare, another is in `web::Data`: register all of them in the same way"
            );
            None
        }
    }
}

//! What the user registered with `app_data`.

use actix_web::{HttpRequest, web};

/// The nearest `T` in app data, registered as it is or in `web::Data`. `None` has been logged.
pub(crate) fn find<'r, T: 'static>(req: &'r HttpRequest, name: &str) -> Option<&'r T> {
    match (req.app_data::<T>(), req.app_data::<web::Data<T>>()) {
        (Some(bare), None) => Some(bare),
        (None, Some(data)) => Some(data.get_ref()),
        (None, None) => {
            tracing::error!("no {name} in app data: register one with `App::app_data({name})`");
            None
        }
        // A scope's own may be the stricter one, and a request does not tell which of the two is nearer.
        (Some(_), Some(_)) => {
            tracing::error!("one {name} in app data as it is, another in `web::Data`: use one way for all");
            None
        }
    }
}

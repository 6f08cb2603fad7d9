//! What the user registered with `app_data`.

use actix_web::{HttpRequest, web};

/// The nearest `T` in app data, registered as it is or in `web::Data`.
pub(crate) fn find<T: 'static>(req: &HttpRequest) -> Option<&T> {
    req.app_data::<T>().or_else(|| req.app_data::<web::Data<T>>().map(|data| data.get_ref()))
}

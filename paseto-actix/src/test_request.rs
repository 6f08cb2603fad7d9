//! Sends a request of a test to an application of `init_service`.

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::{Error, HttpResponse};

/// Returns the response. Converts the error of a middleware to a response, as a server does.
pub(crate) async fn send<S, B>(app: &S, request: Request) -> HttpResponse
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    match app.call(request).await {
        Ok(response) => response.map_into_boxed_body().into_parts().1,
        Err(error) => error.error_response(),
    }
}

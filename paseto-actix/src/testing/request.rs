use std::any::Any;

use actix_web::test::TestRequest;

/// Returns the request as the type that an application of `init_service` requires. actix-web does
/// not export the name of this type.
pub(super) fn to_request<R: 'static>(request: TestRequest) -> R {
    let request: Box<dyn Any> = Box::new(request.to_request());
    *request.downcast::<R>().expect("the application is a service of `init_service`")
}

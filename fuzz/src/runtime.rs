//! Runs the futures of a target on one runtime per thread.

use std::future::Future;

use actix_web::rt::Runtime;

thread_local! {
    static RUNTIME: Runtime = Runtime::new().expect("a runtime");
}

/// Waits for a future.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A future that is mostly ready at once, and costs an allocation only where it is not.
pub struct MaybeReady<T>(State<T>);

enum State<T> {
    Ready(Option<T>),
    Pending(Pin<Box<dyn Future<Output = T>>>),
}

impl<T> MaybeReady<T> {
    pub(super) fn ready(value: T) -> Self {
        Self(State::Ready(Some(value)))
    }

    pub(super) fn pending(future: impl Future<Output = T> + 'static) -> Self {
        Self(State::Pending(Box::pin(future)))
    }
}

/// The value is never pinned: it is moved out when it is ready.
impl<T> Unpin for MaybeReady<T> {}

impl<T> Future for MaybeReady<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.get_mut().0 {
            State::Ready(value) => Poll::Ready(value.take().expect("a future is not polled after it was ready")),
            State::Pending(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for MaybeReady<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaybeReady")
    }
}

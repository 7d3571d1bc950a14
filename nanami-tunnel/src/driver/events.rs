//! Events as a stream that never holds up who makes them.

use tokio::sync::broadcast::{self, error::RecvError};

use crate::engine::Event;

/// Events, in order. One that falls behind is told how many it missed.
#[derive(Debug)]
pub struct EventStream<T> {
    receiver: broadcast::Receiver<T>,
}

impl<T> EventStream<T> {
    pub(crate) fn new(receiver: broadcast::Receiver<T>) -> Self {
        Self { receiver }
    }
}

impl EventStream<Event> {
    /// The next event; `None` when there will be no more.
    ///
    /// # Cancel safety
    /// May be dropped and called again: no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
            Err(RecvError::Closed) => None,
        }
    }
}

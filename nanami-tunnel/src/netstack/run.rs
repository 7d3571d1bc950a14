//! The task that moves packets between the stack and its pipe.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::device::Medium;
use super::stack::Stack;
use super::{Netstack, Shared};
use crate::interface::HostPipe;

/// A stack on a pipe, and what must run for it to work.
pub(crate) fn on_pipe(medium: Medium, host: HostPipe) -> (Netstack, impl Future<Output = ()> + Send) {
    let seed = random_seed();
    let shared = Arc::new(Shared { stack: Mutex::new(Stack::new(medium, seed)), bell: Notify::new() });
    // Outside the task's body: it ends the stack also when the task is aborted before it first runs.
    let guard = StopOnDrop(shared.clone());
    let task = {
        let shared = shared.clone();
        async move {
            let _ends_with_this_task = guard;
            run(shared, host).await;
        }
    };
    (Netstack::of(shared), task)
}

/// Initial sequence numbers and ports must not be guessed; if the operating system has no randomness, the tunnel, which
/// needs it for its keys, fails with a better message than we could give here.
fn random_seed() -> u64 {
    let mut seed = [0; 8];
    let _zero_without_randomness = getrandom::fill(&mut seed);
    u64::from_le_bytes(seed)
}

/// Packets taken in before the stack is polled (chosen: a burst of the driver).
const BATCH: usize = 64;
/// What stands in for "never" in a timer.
const LONG: Duration = Duration::from_secs(3600);

async fn run(shared: Arc<Shared>, mut host: HostPipe) {
    let mut out = Vec::new();
    loop {
        let delay = {
            let mut stack = shared.lock();
            for _ in 0..BATCH {
                let Ok(packet) = host.receive.try_recv() else { break };
                stack.receive(packet);
            }
            stack.poll(&mut out);
            stack.delay()
        };
        let busy = !out.is_empty();
        for packet in out.drain(..) {
            if host.send.send(packet).await.is_err() {
                return;
            }
        }
        if busy && delay == Some(Duration::ZERO) {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            packet = host.receive.recv() => match packet {
                Some(packet) => shared.lock().receive(packet),
                None => return,
            },
            () = shared.bell.notified() => {}
            () = tokio::time::sleep(delay.unwrap_or(LONG)) => {}
        }
    }
}

/// Ends the stack however the task ends: streams must not wait for a tunnel that was aborted.
struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.lock().stop();
    }
}

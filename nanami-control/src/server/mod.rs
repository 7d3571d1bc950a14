//! One port for peers and operators. axum is in here and shows nowhere outside.
//!
//! **Invariant: whoever connects is bounded before they have proved anything**: connections in all and per source, time for
//! a request's head and for a channel's handshake, size of a body and of a frame.

mod connections;
mod operators;
mod peers;
mod problem;

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::ConnectInfo, routing::get};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tower_service::Service;
use tracing::debug;

use self::connections::Connections;
use crate::control_plane::Shared;

/// Everything that the control plane serves, as a tower service.
#[derive(Clone)]
pub struct Router(axum::Router);

impl Router {
    pub(crate) fn new(shared: Arc<Shared>) -> Router {
        let router = operators::routes().route("/v1/channel/{workspace}", get(peers::upgrade));
        Router(router.with_state(shared))
    }
}

impl<B> Service<Request<B>> for Router
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.0.call(request.map(Body::new));
        Box::pin(answer)
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

/// Accepts until the control plane stops. `alive` is held by every connection, so that a stop can wait for them.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener, alive: mpsc::Sender<()>) {
    let router = Router::new(Arc::clone(&shared));
    let connections = Connections::default();
    let mut stopping = shared.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => return,
        };
        let Ok((stream, source)) = accepted else {
            // Out of descriptors, most likely: whoever has one gets a moment to give it back.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(place) = connections.admit(source.ip()) else {
            debug!(target: "nanami::join", %source, "too many connections");
            continue;
        };
        let _unimportant = stream.set_nodelay(true);
        let (router, alive, mut stopping) = (router.clone(), alive.clone(), stopping.clone());
        tokio::spawn(async move {
            let place = Arc::new(place);
            let service = service_fn(|mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(source));
                // An upgraded connection outlives this task, and keeps its place.
                request.extensions_mut().insert(Held { _place: Arc::clone(&place), _alive: alive.clone() });
                router.clone().call(request)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ended = connection.as_mut() => {}
                () = stopped(&mut stopping) => {
                    connection.as_mut().graceful_shutdown();
                    let _ended = tokio::time::timeout(STOP_TIMEOUT, connection).await;
                }
            }
        });
    }
}

/// Returns when the control plane stops, or its last handle is gone.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _gone = stopping.wait_for(|stop| *stop).await;
}

/// A connection's place in the count of connections, and its part in keeping `stop` waiting.
#[derive(Clone)]
pub(crate) struct Held {
    _place: Arc<connections::Place>,
    _alive: mpsc::Sender<()>,
}

/// Where a request comes from; unknown when a foreign server does not say.
pub(crate) fn source<B>(request: &Request<B>) -> IpAddr {
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
    connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(source)| source.ip().to_canonical())
}

/// Chosen: a head is one packet.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Chosen: nobody waits longer for a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

//! From `HOST:PORT` to a byte stream: TCP, then the HTTP upgrade that shares control's one port.

use std::{io, time::Duration};

use http_body_util::Empty;
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use nanami_model::Name;
use tokio::{net::TcpStream, time::timeout};

use crate::PROTOCOL;

/// Connects and upgrades, within [`DIAL_TIMEOUT`].
pub(super) async fn dial(authority: &str, workspace: &Name) -> io::Result<TokioIo<Upgraded>> {
    timeout(DIAL_TIMEOUT, upgrade(authority, workspace)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn upgrade(authority: &str, workspace: &Name) -> io::Result<TokioIo<Upgraded>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Ends when the upgraded stream is dropped, or when this future is: nobody can send on it then.
    tokio::spawn(connection.with_upgrades());
    let request = Request::get(format!("/v1/channel/{workspace}"))
        .header(header::HOST, authority)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, PROTOCOL)
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = requests.send_request(request).await.map_err(io::Error::other)?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::other(format!("control answered {} instead of an upgrade", answer.status())));
    }
    hyper::upgrade::on(answer).await.map(TokioIo::new).map_err(io::Error::other)
}

/// Chosen: two lost SYNs and a round trip around the world.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

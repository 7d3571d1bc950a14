//! [traffic] Real TCP through the tunnels: what policies allow passes, and arrives as it was sent.

use std::time::Duration;

use anyhow::{Context, ensure};
use nanami::Node;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::console::{Figures, figures};
use crate::transfer::{self, Honesty, Transfer};
use crate::world::World;

/// How much api-gateway sends to db-cluster at least.
const BYTES: u64 = 64 << 20;
/// Longest that a connection may take; far above what any machine needs.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let answer = timeout(LIMIT, greet(world.node("ci-runner")?, world.node("k8s-ingress")?)).await;
    let answer = answer.context("ci-runner -> k8s-ingress tcp/6443 hangs")??;
    world.console.say(format_args!("ci-runner -> k8s-ingress    tcp/6443   passes: {answer:?} came back"));

    let honesty = if world.breaks("traffic") { Honesty::OneByteWrong } else { Honesty::Honest };
    let (from, to) = (world.node("api-gateway")?, world.node("db-cluster")?);
    let mut listener = to.listen(5432)?;
    let receiver = tokio::spawn(async move { transfer::receive(listener.accept().await?).await });
    let stream = from.dial(("db-cluster", 5432)).await.context("api-gateway -> db-cluster tcp/5432")?;
    let done = async {
        let mut transfer = Transfer::begin(stream, honesty);
        transfer.goes_on(BYTES).await?;
        transfer.end().await
    };
    let done = done.await.context("api-gateway -> db-cluster tcp/5432")?;
    receiver.await??;
    world.console.say(format_args!(
        "api-gateway -> db-cluster   tcp/5432   {} MiB in {:.1} s, hash right: {:.0} Mbit/s, {} segments sent again",
        done.bytes >> 20,
        done.took.as_secs_f64(),
        done.mbps(),
        done.stats.retransmitted,
    ));
    ensure!(done.bytes >= BYTES, "not all bytes were sent");
    Ok(figures([
        ("bytes", json!(done.bytes)),
        ("mbps", json!(done.mbps().round())),
        ("retransmitted", json!(done.stats.retransmitted)),
    ]))
}

/// Says hello and takes the answer.
async fn greet(from: &Node, to: &Node) -> anyhow::Result<String> {
    let mut listener = to.listen(6443)?;
    let server = tokio::spawn(async move {
        let mut stream = listener.accept().await?;
        let mut question = [0; 6];
        stream.read_exact(&mut question).await?;
        stream.write_all(&question).await?;
        stream.shutdown().await?;
        anyhow::Ok(())
    });
    let mut stream = from.dial(("k8s-ingress", 6443)).await.context("ci-runner -> k8s-ingress tcp/6443")?;
    stream.write_all(b"deploy").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    server.await??;
    ensure!(answer == "deploy", "k8s-ingress answered {answer:?}");
    Ok(answer)
}

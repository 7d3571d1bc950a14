//! [join] Eight nodes join, each with a key pair made there; whoever has no good join key stays out.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nanami::control::agent::{Agent, AgentOptions, JoinError};
use nanami::control::api::JoinKeyRequest;
use nanami::model::{JoinKeyId, JoinSecret, JoinString, Name, PrivateKey};
use serde_json::json;

use crate::console::{Figures, figures};
use crate::fleet;
use crate::world::World;

/// How long eight peers may take until observed equals desired.
const SETTLE: Duration = Duration::from_secs(60);

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let used = everybody(world).await?;
    let refusals = strangers(world, &used).await?;
    let took = settled(world).await?;
    let rows = fleet::probe_all(world, SETTLE).await?;
    let peers = world.child()?.peers().await?;
    world.console.say(format_args!("\n{}\n", fleet::table(&rows, &peers, Instant::now())));
    Ok(figures([
        ("nodes", json!(world.nodes.len())),
        ("links", json!(rows.len())),
        ("refused_keys", json!(refusals)),
        ("settled_ms", json!(took.as_millis())),
    ]))
}

/// All peers of the document join. Gives a join string that is used up.
async fn everybody(world: &mut World) -> anyhow::Result<String> {
    let intent = world.wanted()?.clone();
    let mut used = None;
    for (id, _) in intent.peers() {
        let name = intent.name_of(id).context("a peer has a name")?.clone();
        let text = join_string(world, "acme", name.as_str(), Some(&name), None).await?;
        let mut with: JoinString = text.parse()?;
        if world.breaks("join") && used.is_some() {
            let another = PrivateKey::from_bytes(random()?).public();
            let secret = text.parse::<JoinString>()?.secret().expose().parse()?;
            with = JoinString::new(with.authority(), with.workspace().clone(), another, secret)?;
        }
        let node = fleet::join(world, name.as_str(), &with).await?;
        world.nodes.insert(name, node);
        world.console.progress(&format!("{} of {} joined", world.nodes.len(), intent.peers().len()));
        used = Some(text);
    }
    world.console.progress_over();
    world.console.say(format_args!("{} nodes joined, each with a key pair made on it", world.nodes.len()));
    used.context("the document has peers")
}

/// Makes a join key named for `what`, for a pending peer or for one of the key's own name.
async fn join_string(
    world: &World,
    workspace: &str,
    what: &str,
    peer: Option<&Name>,
    expires_in_ms: Option<u64>,
) -> anyhow::Result<String> {
    let name = format!("for-{what}").parse()?;
    let request = JoinKeyRequest { name, peer: peer.cloned(), expires_in_ms };
    Ok(world.child()?.client("netops", workspace)?.create_join_key(&request).await?.join_string)
}

/// A used, an expired, an unknown and a foreign join key: one and the same answer.
async fn strangers(world: &World, used: &str) -> anyhow::Result<usize> {
    let good: JoinString = used.parse()?;
    let with = |secret| JoinString::new(good.authority(), good.workspace().clone(), good.control(), secret);
    let expired = join_string(world, "acme", "short-lived", None, Some(1)).await?;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let elsewhere: JoinString = join_string(world, "umbra", "stranger", None, None).await?.parse()?;
    let unknown = JoinSecret::new(JoinKeyId::from_bytes(random()?), random()?);
    let tries = [
        ("used", used.parse()?),
        ("expired", expired.parse()?),
        ("unknown", with(unknown)?),
        ("foreign", with(elsewhere.secret().expose().parse()?)?),
    ];
    let mut answers = Vec::new();
    for (what, join) in &tries {
        let dir = world.dir().join("strangers").join(what);
        match Agent::join(join, AgentOptions::in_dir(dir)).await {
            Err(error @ JoinError::Refused) => answers.push(format!("{error} [{}]", error.code())),
            Err(other) => bail!("a peer with a join key that is {what} is not refused, but: {other}"),
            Ok(_) => bail!("a peer with a join key that is {what} joins"),
        }
    }
    ensure!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answers differ: {answers:?}");
    world.console.say(format_args!("join keys used, expired, unknown and foreign: one answer, {:?}", answers[0]));
    Ok(answers.len())
}

/// Waits until every peer applied what control desires, and said so.
async fn settled(world: &World) -> anyhow::Result<Duration> {
    let started = Instant::now();
    loop {
        let peers = world.child()?.peers().await?;
        let matching = peers.iter().filter(|peer| peer.state == "matching").count();
        world.console.progress(&format!("{matching} of {} peers matching", peers.len()));
        if matching == peers.len() {
            world.console.progress_over();
            let took = started.elapsed();
            world.console.say(format_args!(
                "observed equals desired for all {matching} peers, {} ms after the last joined",
                took.as_millis()
            ));
            return Ok(took);
        }
        if started.elapsed() > SETTLE {
            bail!("{matching} of {} peers match after {} s: {peers:?}", peers.len(), SETTLE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let bytes = nanami::tunnel::generate_key()?;
    bytes.expose()[..N].try_into().context("at most 32 bytes")
}

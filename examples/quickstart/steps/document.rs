//! [document] The reviewed file becomes a workspace, or every mistake in it is shown.

use anyhow::{anyhow, ensure};
use nanami::model::Intent;
use serde_json::json;

use crate::console::{Figures, figures};
use crate::world::{World, document_path};

pub(super) fn run(world: &mut World) -> anyhow::Result<Figures> {
    if world.breaks("document") {
        world.document += "\n[policies.typo]\nfrom = \"nobody\"\nto = \"db-cluster\"\nallow = [\"tcp/5432\"]\n";
    }
    let path = document_path();
    let intent = Intent::from_toml(&world.document).map_err(|errors| anyhow!("{}:\n{errors}", path.display()))?;
    let pending = intent.peers().filter(|(_, peer)| peer.key().is_none()).count();
    ensure!(
        pending == intent.peers().len(),
        "peers are declared without keys; {pending} of {} are",
        intent.peers().len()
    );
    let counts = [
        ("users", intent.users().len()),
        ("groups", intent.groups().len()),
        ("networks", intent.networks().len()),
        ("peers", intent.peers().len()),
        ("gateways", intent.gateways().len()),
        ("routes", intent.routes().len()),
        ("policies", intent.policies().len()),
        ("assertions", intent.assertions().len()),
    ];
    let words: Vec<_> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    world.console.say(format_args!("examples/acme.toml: {}\nno peer has a key yet", words.join(", ")));
    world.wanted = Some(intent);
    Ok(figures(counts.map(|(word, n)| (word, json!(n)))))
}

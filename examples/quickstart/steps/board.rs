//! [board] The network as a picture and as a page: desired beside observed.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::console::{Figures, figures};
use crate::world::World;

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let auditor = world.child()?.client("auditor", "acme")?;
    let (svg, html) = (auditor.board_svg().await?, auditor.board_html().await?);
    let intent = world.wanted()?;
    for (id, _) in intent.peers() {
        let name = intent.name_of(id).context("a peer has a name")?.as_str();
        ensure!(svg.contains(name) && html.contains(name), "the board lacks {name}");
    }
    ensure!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "board.svg is no SVG");
    ensure!(!html.contains("src=\"http") && !html.contains("href=\"http"), "board.html is not self-contained");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/quickstart");
    let target = if world.breaks("board") { crate::world::document_path().join("not-a-directory") } else { target };
    std::fs::create_dir_all(&target).with_context(|| format!("making {}", target.display()))?;
    let target = target.canonicalize()?;
    for (name, contents) in [("board.svg", &svg), ("board.html", &html)] {
        let path = target.join(name);
        std::fs::write(&path, contents).with_context(|| format!("writing {}", path.display()))?;
        world.console.say(path.display());
    }
    Ok(figures([
        ("svg", json!(target.join("board.svg"))),
        ("html", json!(target.join("board.html"))),
        ("svg_bytes", json!(svg.len())),
        ("html_bytes", json!(html.len())),
    ]))
}

//! What the steps share: the document, the control plane, the nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nanami::Node;
use nanami::model::{Intent, Name, PeerId, User};
use nanami::tunnel::{Segment, SegmentHost};
use tempfile::TempDir;

use crate::child::Child;
use crate::console::Console;

/// Everything that exists while the quickstart runs.
pub(crate) struct World {
    pub(crate) console: Console,
    broken: Option<&'static str>,
    dir: TempDir,
    /// The reviewed file, as text.
    pub(crate) document: String,
    /// The same, parsed; nobody's until the first step.
    pub(crate) wanted: Option<Intent>,
    pub(crate) child: Option<Child>,
    pub(crate) nodes: BTreeMap<Name, Node>,
    /// The VPC behind us-east and eu-west, and the service in it.
    pub(crate) vpc: Segment,
    pub(crate) service: Option<SegmentHost>,
}

impl World {
    pub(crate) fn new(console: Console, broken: Option<&'static str>) -> anyhow::Result<Self> {
        let path = document_path();
        let document = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let dir = TempDir::with_prefix("nanami-quickstart-").context("making a directory for state")?;
        Ok(Self {
            console,
            broken,
            dir,
            document,
            wanted: None,
            child: None,
            nodes: BTreeMap::new(),
            vpc: Segment::new(),
            service: None,
        })
    }

    /// Whether this step is to be broken on purpose.
    pub(crate) fn breaks(&self, step: &str) -> bool {
        self.broken == Some(step)
    }

    /// The directory for the state of control and nodes; gone with the quickstart.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The workspace before anything is in it.
    pub(crate) fn empty(&self) -> anyhow::Result<Intent> {
        let wanted = self.wanted()?;
        Ok(Intent::new(wanted.name().clone(), User::new("netops".parse()?)))
    }

    pub(crate) fn wanted(&self) -> anyhow::Result<&Intent> {
        self.wanted.as_ref().context("the document was not read")
    }

    pub(crate) fn child(&self) -> anyhow::Result<&Child> {
        self.child.as_ref().context("the control plane does not run")
    }

    pub(crate) fn node(&self, name: &str) -> anyhow::Result<&Node> {
        self.nodes.get(name).with_context(|| format!("node {name} does not run"))
    }

    /// The first overlay address of a peer of the document.
    pub(crate) fn address_of(&self, name: &str) -> anyhow::Result<IpAddr> {
        let intent = self.wanted()?;
        let peer = intent.get(intent.id::<PeerId>(name)?).context("the id resolves")?;
        peer.addresses().first().copied().with_context(|| format!("{name} has no address"))
    }

    /// Ends what runs, in order.
    pub(crate) async fn end(mut self) {
        for (_, node) in std::mem::take(&mut self.nodes) {
            node.stop().await;
        }
        if let Some(child) = self.child.take() {
            child.end().await;
        }
    }
}

/// `examples/acme.toml`, wherever the quickstart is started.
pub(crate) fn document_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("acme.toml")
}

//! The arguments of the command, and the help that people read first.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nanami::model::Service;

/// Explains a WireGuard network before the first rollout.
///
/// Every verb works on a file alone: no server, no root, no network.
#[derive(Debug, Parser)]
#[command(name = "nanami", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Command {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// The document that is asked where none is named.
pub(crate) const DEFAULT: &str = "nanami.toml";

const EXAMPLES: &str = "\
Examples:
  nanami plan acme.toml                              what the file means, before anything runs
  nanami plan acme.toml --against acme.old.toml      what the change means, and for whom
  nanami explain ci-runner db-cluster tcp/5432       why, or why not, and the smallest repair
  nanami reach --to db-cluster                       who reaches it, by which policy
  nanami impact us-east                              what stops when a gateway dies
  nanami board -o board.html --plan new.toml         the network as a page, and a change over it
  nanami check                                       assertions, as a CI job runs them

Exit codes:
  0  nothing to do, or done: the answer is yes
  1  an error: of usage, of a file, of a document
  2  there are changes (plan, diff, what-if), the answer is no (explain, reach, impact; bisect:
     the newest document denies the flow), or a peer is not as it should be (status)
  3  refused: an assertion does not hold (plan, what-if, check)";

/// In which form the answer comes.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Form {
    /// Everything that the text says, as one JSON object
    #[arg(long, global = true, conflicts_with_all = ["markdown", "all"], help_heading = "Form of the answer")]
    pub(crate) json: bool,
    /// The text as Markdown, for a review comment
    #[arg(long, global = true, help_heading = "Form of the answer")]
    pub(crate) markdown: bool,
    /// Whole lists instead of 24 lines with counts
    #[arg(long, global = true, help_heading = "Form of the answer")]
    pub(crate) all: bool,
}

/// Which workspace is meant.
#[derive(Debug, Args)]
pub(crate) struct Workspace {
    /// The workspace's document, TOML or JSON, or a recording; `-` is standard input
    #[arg(short, long, value_name = "FILE", env = "NANAMI_FILE", default_value = DEFAULT)]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What a file means, or what changes between two: who gains and loses access, who must approve, what peers do
    Plan {
        /// The workspace's document, TOML or JSON; `-` is standard input
        #[arg(value_name = "FILE", env = "NANAMI_FILE", default_value = DEFAULT)]
        file: PathBuf,
        /// The document or recording that runs now; without it the plan begins with nothing
        #[arg(long, value_name = "OLD")]
        against: Option<PathBuf>,
        // The other verbs take their file so; whoever tries it here is told how this one does.
        #[arg(short = 'f', long = "file", hide = true, value_name = "FILE", value_parser = without_f)]
        named: Option<String>,
    },
    /// Why a flow passes, or everything that stops it and the smallest repair
    Explain {
        #[command(flatten)]
        flow: Flow,
        /// What fix N would change, and what that means
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        fix: Option<u16>,
        /// Writes the document with the fix to a file; comments and order stay
        #[arg(short, long, value_name = "FILE", requires = "fix")]
        output: Option<PathBuf>,
        /// Asks an older document instead
        #[arg(long, value_name = "OLD", conflicts_with = "fix")]
        at: Option<PathBuf>,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// What a peer reaches, who reaches something, or what a user's peers reach
    Reach {
        #[command(flatten)]
        who: Who,
        /// Asks a second time after a change to this document
        #[arg(long, value_name = "NEW")]
        plan: Option<PathBuf>,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// What a few edits would mean, without touching the file
    ///
    /// An edit is PATH=VALUE as the document writes it: 'policies.pings={ from = "ci-runner", to = "api-gateway", allow = ["icmp"] }',
    /// 'gateways.us-east.activity="draining"'. Edits and removals are made in the order given, removals last.
    #[command(name = "what-if")]
    WhatIf {
        /// Sets an entry or a field of the document
        #[arg(long = "edit", value_name = "PATH=VALUE", required_unless_present = "remove")]
        edits: Vec<String>,
        /// Takes an entry or a field out of the document: policies.ci-to-vpc
        #[arg(long, value_name = "PATH")]
        remove: Vec<String>,
        /// Writes the edited document to a file; comments and order stay
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// What stops, moves or waits when gateways, regions or hosts die
    Impact {
        /// The gateways that die
        #[arg(value_name = "GATEWAY")]
        gateways: Vec<String>,
        /// A region that dies with all its gateways
        #[arg(long = "region", value_name = "REGION")]
        regions: Vec<String>,
        /// A host that dies with all gateways on it
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
        /// Control is away as well
        #[arg(long)]
        without_control: bool,
        /// Each gateway dies alone, one after the other
        #[arg(long, conflicts_with_all = ["gateways", "regions", "hosts", "without_control"])]
        sweep: bool,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// The workspace as a picture: SVG, or one HTML page that filters and explains
    Board {
        /// The file to write, `.svg` or `.html`
        #[arg(short, long, value_name = "FILE", default_value = "board.html")]
        output: PathBuf,
        /// What each card stands for; by itself every peer up to 400, beyond that groups, beyond 400 of those networks
        #[arg(long, value_name = "WHAT")]
        by: Option<By>,
        /// Show the peers of this group one by one where groups have one card each
        #[arg(long, value_name = "GROUP")]
        open: Vec<String>,
        /// Shows over it what a change to this document gains, loses, reroutes and disturbs
        #[arg(long, value_name = "NEW")]
        plan: Option<PathBuf>,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// Which peers are behind, altered or silent, and since when; needs a recording of a control plane
    Status {
        #[command(flatten)]
        workspace: Workspace,
    },
    /// Whether all assertions hold, as a CI job asks
    Check {
        /// The document that runs now, for assertions about changes
        #[arg(long, value_name = "OLD")]
        against: Option<PathBuf>,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// What differs between two documents, and what that means for who reaches what
    Diff {
        /// The older document
        old: PathBuf,
        /// The newer document
        new: PathBuf,
    },
    /// Which change of a row of documents broke a flow, or opened it
    Bisect {
        #[command(flatten)]
        flow: Flow,
        /// The documents, the oldest first
        #[arg(value_name = "FILES", required = true, num_args = 2..)]
        files: Vec<PathBuf>,
    },
    /// A proposed workspace from configurations that exist
    Import {
        /// From what
        #[arg(value_enum)]
        from: Format,
        /// The folder; its `.conf` files are read, those of its folders too
        dir: PathBuf,
        /// What the workspace is called
        #[arg(long, default_value = "imported")]
        name: String,
        /// Who owns it
        #[arg(long, default_value = "owner")]
        owner: String,
        /// Writes the document to a file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// The `wg-quick` file of a plain device, without its private key
    Export {
        /// The device: a peer in limited mode
        peer: String,
        /// Where its gateway is reached
        #[arg(long, value_name = "HOST:PORT")]
        endpoint: Option<String>,
        #[command(flatten)]
        workspace: Workspace,
    },
    /// The JSON Schema of documents, or of what --json prints
    Schema {
        /// Of what --json prints
        #[arg(long)]
        answers: bool,
    },
    /// Completions for a shell: `nanami completions bash > /etc/bash_completion.d/nanami`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The manual page: `nanami man | man -l -`
    Man,
}

fn without_f(file: &str) -> Result<String, String> {
    Err(format!("plan takes its file without -f: nanami plan {file}"))
}

/// What a card of the board stands for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum By {
    /// A peer, in a workspace of at most 2,000
    Peer,
    /// The peers of a group in a network
    Group,
    /// The peers of a network
    Network,
}

/// What an import reads.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// A folder of wg-quick files
    WgQuick,
}

/// A flow: from a peer, to a peer, a route or an address, on a service.
#[derive(Debug, Args)]
pub(crate) struct Flow {
    /// The peer that begins
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// A peer, a route, or an address
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    /// tcp/443, udp/8000-8010, icmp, or any
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Service,
}

/// Whose reach is asked for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Who {
    /// What a peer reaches
    #[arg(long, value_name = "PEER")]
    pub(crate) from: Option<String>,
    /// Who reaches a peer, a route or an address
    #[arg(long, value_name = "TO")]
    pub(crate) to: Option<String>,
    /// What the peers of a user's groups reach
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
}

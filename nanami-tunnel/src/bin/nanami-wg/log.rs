//! What is told on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts telling as much as LOG_LEVEL asks for, by wireguard-go's words.
pub(crate) fn start() {
    let level = match std::env::var("LOG_LEVEL").unwrap_or_default().as_str() {
        "silent" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "verbose" | "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        _ => LevelFilter::WARN,
    };
    // boringtun calls it an error when a peer is away.
    let targets = Targets::new().with_target("nanami_tunnel", level).with_target("nanami_wg", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry().with(layer).with(targets).init();
}

//! The smallest control plane: acme on SQLite in one directory, served on a free loopback port, whose address is printed.
//!
//! `cargo run -p nanami-control --example serve -- DIRECTORY`. Tokens are read from the file `tokens` in it, which
//! `Tokens::save` wrote; without one nobody but peers is let in. The crash tests kill this process at random points.

use std::{error::Error, io::Write, path::PathBuf};

use nanami_control::{ControlPlane, Tokens, store::Sqlite};
use nanami_model::{User, name};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: serve DIRECTORY")?);
    let tokens = directory.join("tokens");
    let tokens = if tokens.exists() { Tokens::load(&tokens)? } else { Tokens::default() };
    let store = Sqlite::at(directory.join("nanami.db"));
    let control = ControlPlane::builder(store).with_identity(tokens).start().await?;
    control.open_workspace(name!("acme"), User::new(name!("netops"))).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    control.serve(listener).await?;
    Ok(())
}

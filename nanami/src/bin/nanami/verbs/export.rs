//! `export`: the `wg-quick` file of a plain device.

use std::path::Path;

use nanami::model::{Endpoint, PeerId};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::source::Document;

pub(crate) fn run(file: &Path, peer: &str, endpoint: Option<&str>) -> Result<Answer, Failure> {
    let intent = Document::read(file)?.intent;
    let id = intent.id::<PeerId>(peer)?;
    let Some(mut export) = super::desired(&intent).wg_quick_for(id) else {
        let device = intent.get(id);
        let gateway = device.and_then(|device| device.mode().gateway());
        return Err(match gateway.and_then(|id| intent.name_of(id)) {
            None => Failure::new(format!("{peer} is managed: its agent takes its map from control"))
                .with_remedy(format!("a plain device has peers.{peer}.mode = \"limited\", and its public key")),
            Some(gateway) => Failure::new(format!("{gateway}, the gateway of {peer}, has no key yet"))
                .with_remedy(format!("let {gateway} join, or write gateways.{gateway}.key")),
        });
    };
    if let Some(text) = endpoint {
        let at: Endpoint = text.parse().map_err(|error| Failure::new(format!("endpoint {text:?}: {error}")))?;
        export = export.with_endpoint(at);
    }
    Ok(Answer::text(export.to_string()))
}

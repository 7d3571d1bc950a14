//! acme: the workspace that every page of the documentation uses, for docs and tests. Feature `sample`.
//!
//! **Invariant**: built in code and read from the document it is the same workspace.
//!
//! ```
//! use nanami_model::{PeerId, sample};
//!
//! let acme = sample::acme();
//! assert_eq!(acme.peers().len(), 8);
//! assert!(acme.id::<PeerId>("db-cluster").is_ok());
//! ```

use crate::{
    Assertion, Gateway, Group, Intent, Network, Peer, Policy, Region, ReturnPath, Role, Route, Scope, Service, User,
    cidr, name, service,
};

/// acme as a document; [`acme`] is the same.
pub const ACME: &str = include_str!("sample/acme.toml");

/// acme as a value, at revision 1: nobody has joined.
#[must_use]
pub fn acme() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let [lead, dev, auditor] =
        [name!("platform-lead"), name!("data-dev"), name!("auditor")].map(|n| draft.add(User::new(n)));
    let [platform, data, delivery] =
        [name!("platform"), name!("data"), name!("delivery")].map(|n| draft.add(Group::new(n)));
    draft.grant(lead, Role::Admin, platform);
    draft.grant(dev, Role::Member, data);
    draft.grant(auditor, Role::Viewer, Scope::Workspace);
    let prod = draft.add(Network::new(name!("prod"), platform, [cidr!("10.42.0.0/16"), cidr!("fd42::/48")]));
    let build = draft.add(Network::new(name!("build"), delivery, [cidr!("10.43.0.0/16"), cidr!("fd43::/48")]));
    let mut peer = |name, group, network| draft.add(Peer::new(name).with_groups([group]).with_networks([network]));
    let [api, edge, ingress] =
        [name!("api-gateway"), name!("edge-router"), name!("k8s-ingress")].map(|n| peer(n, platform, prod));
    let (db, ci) = (peer(name!("db-cluster"), data, prod), peer(name!("ci-runner"), delivery, build));
    let [us_east, eu_west, ap_south] = [name!("us-east"), name!("eu-west"), name!("ap-south")].map(|n| {
        let region = draft.add(Region::new(n.clone()));
        let peer = draft.add(Peer::new(n.clone()).with_groups([platform]).with_networks([prod]));
        draft.add(Gateway::new(n, peer, region))
    });
    let vpc = Route::new(name!("vpc"), prod, cidr!("10.60.0.0/16"), [us_east, eu_west]);
    let vpc = draft.add(vpc.with_redundancy(2).with_return_path(ReturnPath::Declared));
    let exit = draft.add(Route::exit(name!("exit"), prod, [ap_south]));
    draft.add(Policy::allow(name!("ci-deploys"), ci, ingress, service!("tcp/6443")));
    draft.add(Policy::allow(name!("api-to-db"), api, db, service!("tcp/5432")));
    draft.add(Policy::allow(name!("edge-to-api"), edge, api, service!("tcp/443")));
    draft.add(Policy::allow(name!("edge-exit"), edge, exit, Service::ANY));
    draft.add(Policy::allow(name!("ci-to-vpc"), ci, vpc, service!("tcp/443")));
    draft.add(Assertion::only_via_gateway(name!("db-via-gateway"), build, db));
    draft.add(Assertion::must_reach(name!("deploys-survive"), ci, ingress, service!("tcp/6443")));
    draft.add(Assertion::survives_loss_of(name!("vpc-redundant"), vpc, 1));
    let acme = empty.apply(empty.owner(), &draft.into_changes());
    acme.expect("acme keeps every rule, as a test of this module shows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "toml")]
    fn in_code_and_as_a_document_acme_is_one_workspace() {
        assert_eq!(ACME, include_str!("../../examples/acme.toml"), "there is one acme");
        let read = Intent::from_toml(ACME).unwrap();
        assert!(acme().changes_to(&read).is_empty(), "{:?}", acme().changes_to(&read));
        assert_eq!(acme().to_toml(), read.to_toml());
    }
}

//! Limited-mode files: what they say, and when they go stale.
#![allow(clippy::unwrap_used, reason = "a test")]

use nanami_model::{
    Gateway, Group, Intent, Mode, Network, Observed, Peer, PeerId, Policy, PrivateKey, Region, Route, Service,
    Timestamp, User, name,
};
use nanami_plan::{Base, Desired, Selection, compile, plan};

/// A phone behind us-east, which reaches the database and what is behind the gateway, and is reached by the laptop.
fn office() -> Intent {
    let empty = Intent::new(name!("office"), User::new(name!("me")));
    let mut draft = empty.draft();
    let group = draft.add(Group::new(name!("platform")));
    let pools = ["10.42.0.0/24".parse().unwrap(), "fd42::/64".parse().unwrap()];
    let prod = draft.add(Network::new(name!("prod"), group, pools));
    let key = |n| PrivateKey::from_bytes([n; 32]).public();
    let mut peer = |name, n| draft.add(Peer::new(name).with_networks([prod]).with_key(key(n)));
    let (us_east, db, laptop) = (peer(name!("us-east"), 1), peer(name!("db"), 2), peer(name!("laptop"), 3));
    let other = peer(name!("other"), 4);
    let region = draft.add(Region::new(name!("us")));
    let gateway = draft.add(Gateway::new(name!("us-east"), us_east, region));
    let limited = Peer::new(name!("phone")).with_networks([prod]).with_key(key(5)).with_mode(Mode::Limited { gateway });
    let phone = draft.add(limited);
    let vpc = draft.add(Route::new(name!("vpc"), prod, "10.60.0.0/16".parse().unwrap(), [gateway]));
    draft.add(Policy::allow(name!("phone-to-db"), phone, db, Service::tcp(5432)).with_via([gateway]));
    draft.add(Policy::allow(name!("phone-to-vpc"), phone, vpc, Service::tcp(443)));
    draft.add(Policy::allow(name!("laptop-to-phone"), laptop, phone, Service::tcp(22)).with_via([gateway]));
    draft.add(Policy::allow(name!("laptop-to-other"), laptop, other, Service::ANY));
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}

fn of(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn stale(before: &Intent, after: &Intent) -> Vec<String> {
    let plan = plan(&Base::settled(&of(before)), &of(after), Observed::none(), Timestamp::from_millis(0));
    plan.stale_files().into_iter().map(|id| before.name_of(id).unwrap().to_string()).collect()
}

#[test]
fn a_file_names_what_its_device_reaches_and_what_reaches_it_and_no_more() {
    let office = office();
    let desired = of(&office);
    let file = desired.wg_quick_for(office.id("phone").unwrap()).unwrap();
    assert_eq!(file.to_string(), include_str!("golden/phone.conf"));
    for managed in ["us-east", "db", "laptop", "other"] {
        assert_eq!(desired.wg_quick_for(office.id(managed).unwrap()), None, "{managed}");
    }
}

#[test]
fn a_plan_says_which_files_go_stale_and_no_others() {
    let office = office();
    let change = |with: &dyn Fn(&mut nanami_model::Draft)| {
        let mut draft = office.draft();
        with(&mut draft);
        office.apply(office.owner(), &draft.into_changes()).unwrap()
    };
    let [phone, db, other] = ["phone", "db", "other"].map(|name| office.id::<PeerId>(name).unwrap());
    let via = office.gateways().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(stale(&office, &office), [""; 0]);
    let elsewhere = change(&|draft| _ = draft.add(Policy::allow(name!("other-to-db"), other, db, Service::ANY)));
    assert_eq!(stale(&office, &elsewhere), [""; 0]);
    let services = change(&|draft| {
        draft.add(Policy::allow(name!("phone-to-db-2"), phone, db, Service::tcp(80)).with_via(via.clone()));
    });
    assert_eq!(stale(&office, &services), [""; 0], "a file does not speak of services");
    let further = change(&|draft| {
        draft.add(Policy::allow(name!("phone-to-other"), phone, other, Service::ANY).with_via(via.clone()));
    });
    assert_eq!(stale(&office, &further), ["phone"]);
    let gone = change(&|draft| draft.remove(office.id::<nanami_model::PolicyId>("phone-to-vpc").unwrap()));
    assert_eq!(stale(&office, &gone), ["phone"]);
    let managed = change(&|draft| draft.update(phone, |peer| peer.with_mode(Mode::Managed)));
    assert_eq!(stale(&office, &managed), ["phone"]);
}

use std::net::IpAddr;

use nanami_model::{Cidr, ForwardRule, NetworkMap, Service};
use proptest::prelude::*;

use super::*;
use crate::os::host::all_or_nothing;
use crate::os::{HostError, HostTable, Sysctl};

fn options() -> HostOptions {
    HostOptions::named("nanami0").unwrap()
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// A host without an interface of ours, attached to an office.
fn host() -> HostObserved {
    HostObserved {
        elsewhere: [("192.168.1.7".parse().unwrap(), "eth0".to_owned())].into(),
        attached: [(cidr("192.168.1.0/24"), "eth0".to_owned())].into(),
        sysctls: Sysctl::ALL.into_iter().map(|sysctl| (sysctl, 0)).collect(),
        has_ipv6: true,
        ..HostObserved::default()
    }
}

fn client() -> NetworkMap {
    let addresses = ["10.42.0.1".parse().unwrap(), "fd42::1".parse::<IpAddr>().unwrap()];
    NetworkMap::new(addresses).with_routes([cidr("10.42.0.0/16"), cidr("10.60.0.0/16")])
}

fn gateway() -> NetworkMap {
    let rule = |to: &str| ForwardRule {
        from: cidr("10.42.0.1/32"),
        to: cidr(to),
        services: Service::tcp(443).into(),
        policy: None,
    };
    NetworkMap::new(["10.42.0.9".parse().unwrap()])
        .with_routes([cidr("10.42.0.0/16")])
        .with_forwards([rule("10.60.0.0/16"), rule("10.61.0.0/16")])
        .with_masquerade([cidr("10.60.0.0/16")])
}

fn plan(found: &HostObserved, map: &NetworkMap) -> HostPlan {
    let options = options();
    HostPlan::between(found, &HostDesired::of(map, 1420, &options, found).unwrap(), &options)
}

/// What the kernel makes of a step.
fn execute(found: &mut HostObserved, step: &HostStep) {
    let link = found.interface.get_or_insert_default();
    match step.change.clone() {
        Change::Mtu { after, .. } => link.mtu = after,
        Change::Group { after, .. } => link.group = after,
        Change::Up(up) => link.is_up = up.is_added(),
        Change::Address(Presence::Added, address) => assert!(link.addresses.insert(address), "{step}"),
        Change::Address(Presence::Removed, address) => assert!(link.addresses.remove(&address), "{step}"),
        Change::Route(Presence::Added, route) => assert!(found.routes.insert(route), "{step}"),
        Change::Route(Presence::Removed, route) => assert!(found.routes.remove(&route), "{step}"),
        Change::Rule(Presence::Added, rule) => assert!(found.rules.insert(rule), "{step}"),
        Change::Rule(Presence::Removed, rule) => assert!(found.rules.remove(&rule), "{step}"),
        Change::Table { after, .. } => {
            found.made = after.clone();
            found.table = after;
        }
        Change::Sysctl { sysctl, after, .. } => drop(found.sysctls.insert(sysctl, after)),
    }
}

fn after(found: &HostObserved, plan: &HostPlan) -> HostObserved {
    let mut host = found.clone();
    plan.steps().iter().for_each(|step| execute(&mut host, step));
    host
}

#[test]
fn a_clients_plan_reads_like_the_commands_that_do_the_same() {
    let (table, text) = (options().table, plan(&host(), &client()).to_string());
    let expected = format!(
        "# nanami0 is an interface of the program\n\
         ip link set nanami0 mtu 1420\n\
         ip link set nanami0 group 77\n\
         ip address add 10.42.0.1/32 dev nanami0\n\
         ip address add fd42::1/128 dev nanami0\n\
         ip link set nanami0 up\n\
         ip route add 10.42.0.0/16 dev nanami0 table {table}\n\
         ip route add 10.60.0.0/16 dev nanami0 table {table}\n\
         ip -4 rule add priority 20224 fwmark {table:#x}/0x0 lookup main suppress_prefixlength 16\n\
         ip -4 rule add priority 20225 not fwmark 0x4e610000 lookup {table} suppress_prefixlength 15\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn a_gateway_writes_down_what_a_setting_was_before_it_changes_it() {
    let plan = plan(&host(), &gateway());
    let at = |is: fn(&Change) -> bool| plan.steps().iter().position(|step| is(&step.change)).unwrap();
    let (table, setting) = (at(|c| matches!(c, Change::Table { .. })), at(|c| matches!(c, Change::Sysctl { .. })));
    assert!(table < setting);
    let text = plan.to_string();
    assert!(text.contains("net.ipv4.ip_forward=0\""), "{text}");
    assert!(text.contains("sysctl net.ipv4.ip_forward=1  # was 0\n"), "{text}");
    assert!(!text.contains("ipv6"), "nothing of IPv6 is forwarded: {text}");
    assert!(text.contains("ip daddr 10.60.0.0/16 masquerade"), "{text}");
    assert!(!text.contains("10.61.0.0/16"), "{text}");
    assert!(text.contains("iifgroup != 77 oifgroup != 77 drop"), "{text}");
}

#[test]
fn a_host_that_forwards_already_goes_on_forwarding() {
    let mut host = host();
    host.sysctls.insert(Sysctl::ForwardIpv4, 1);
    let text = plan(&host, &gateway()).to_string();
    assert!(!text.contains("drop") && !text.contains("sysctl"), "{text}");
    // What was not changed is not put back.
    let left = after(&host, &plan(&host, &gateway()));
    let gone = after(&left, &HostPlan::between(&left, &HostDesired::nothing(), &options()));
    assert_eq!(gone.sysctls[&Sysctl::ForwardIpv4], 1);
}

/// Whatever becomes of our table, it is made again as it was, and what it says of settings is not forgotten.
#[test]
fn a_table_that_somebody_edited_or_removed_is_made_again() {
    let there = after(&host(), &plan(&host(), &gateway()));
    assert!(plan(&there, &gateway()).is_empty());
    let table = there.table.clone().unwrap();
    let edited = HostTable { body: table.body.replace("\t}\n", "\t\taccept\n\t}\n"), ..table.clone() };
    let other = HostTable { comment: "nobody's".to_owned(), ..table.clone() };
    for now in [Some(edited.clone()), Some(other), None] {
        let found = HostObserved { table: now, ..there.clone() };
        let plan = plan(&found, &gateway());
        assert!(plan.steps().len() == 1 && plan.steps()[0].is_of_table(), "{plan}");
        assert_eq!(after(&found, &plan).table, Some(table.clone()));
        let end = after(&found, &HostPlan::between(&found, &HostDesired::nothing(), &options()));
        assert_eq!((end.sysctls[&Sysctl::ForwardIpv4], end.table), (0, None));
    }
    // Of a process that was killed nobody knows how it was when it was made.
    let left = HostObserved { table: Some(edited), made: None, ..there };
    assert_eq!(after(&left, &plan(&left, &gateway())).table, Some(table));
}

#[test]
fn of_two_gateways_on_a_host_the_last_one_puts_the_setting_back() {
    let one = after(&host(), &plan(&host(), &gateway()));
    let written = one.table.as_ref().unwrap().before();
    // The other one finds the setting as the first left it, and what the first wrote down.
    let other = HostObserved { sysctls: one.sysctls.clone(), siblings: written.clone(), ..host() };
    let other = after(&other, &plan(&other, &gateway()));
    assert_eq!(other.table.as_ref().unwrap().before(), written);
    let leave = |found: &HostObserved| after(found, &HostPlan::between(found, &HostDesired::nothing(), &options()));
    assert_eq!(leave(&other).sysctls[&Sysctl::ForwardIpv4], 1, "the first one still needs it");
    let last = HostObserved { siblings: Default::default(), ..other };
    assert_eq!(leave(&last).sysctls[&Sysctl::ForwardIpv4], 0);
}

/// PLANNING.md, case 19: whoever sits in the office reaches it directly.
#[test]
fn what_the_host_is_attached_to_has_no_route() {
    let mut host = host();
    host.attached.insert(cidr("10.60.0.0/15"), "eth1".to_owned());
    let at_office = plan(&host, &client());
    assert_eq!(at_office.notes()[1..], ["no route to 10.60.0.0/16: eth1 is attached to 10.60.0.0/15"]);
    assert!(!at_office.to_string().contains("route add 10.60"), "{at_office}");
    let mut away = after(&host, &at_office);
    away.attached.remove(&cidr("10.60.0.0/15"));
    let away = plan(&away, &client()).to_string();
    assert_eq!(away, format!("ip route add 10.60.0.0/16 dev nanami0 table {}\n", options().table));
}

/// PLANNING.md, I13 and case 20.
#[test]
fn an_exit_for_ipv4_alone_leaves_no_way_past_it_for_ipv6() {
    let map = client().with_routes([Cidr::ALL_V4]);
    let text = plan(&host(), &map).to_string();
    assert!(text.contains("ip route add unreachable ::/0 table"), "{text}");
    assert!(text.contains("ip -6 rule add priority 20257 not fwmark"), "{text}");
    let both = plan(&host(), &map.with_routes([Cidr::ALL_V4, Cidr::ALL_V6]));
    assert!(!both.to_string().contains("unreachable"), "{both}");
}

#[test]
fn answers_are_marked_only_where_the_host_checks_sources() {
    let exit = client().with_routes([Cidr::ALL_V4]);
    assert!(!plan(&host(), &exit).to_string().contains("nft"));
    let strict = HostObserved { checks_sources: true, ..host() };
    let overlay = client().with_routes([cidr("10.42.0.0/16"), cidr("fd60::/32")]);
    assert!(!plan(&strict, &overlay).to_string().contains("nft"), "no datagram comes from inside the overlay");
    assert!(plan(&strict, &client()).to_string().contains("nft"), "one may come from behind a gateway");
    let text = plan(&strict, &exit).to_string();
    assert!(text.contains("meta l4proto udp ct mark 0x4e610000 meta mark set ct mark"), "{text}");
    assert!(text.contains("sysctl net.ipv4.conf.all.src_valid_mark=1  # was 0"), "{text}");
}

#[test]
fn a_host_without_ipv6_gets_none() {
    let host = HostObserved { has_ipv6: false, ..host() };
    let plan = plan(&host, &client().with_routes([Cidr::ALL_V4, cidr("fd42::/48")]));
    assert_eq!(plan.notes()[1..], ["nothing of IPv6: it is switched off on this host"]);
    assert!(!plan.steps().iter().any(|step| step.to_string().contains("::")), "{plan}");
}

#[test]
fn what_is_somebody_elses_is_an_error_that_names_it() {
    let map = NetworkMap::new(["192.168.1.7".parse().unwrap()]);
    let taken = HostDesired::of(&map, 1420, &options(), &host()).unwrap_err();
    assert!(matches!(&taken, HostError::AddressTaken { by, .. } if by == "eth0"), "{taken}");
    let found = HostObserved { foreign_routes: vec![cidr("10.9.0.0/16")], ..host() };
    let taken = HostDesired::of(&client(), 1420, &options(), &found).unwrap_err();
    assert!(matches!(&taken, HostError::TableTaken { prefix, .. } if *prefix == cidr("10.9.0.0/16")), "{taken}");
}

fn any_map() -> impl Strategy<Value = NetworkMap> {
    let prefix = prop::sample::select(vec![
        "0.0.0.0/0",
        "::/0",
        "10.42.0.0/16",
        "10.60.0.0/16",
        "10.60.7.0/24",
        "192.168.1.0/24",
        "fd42::/48",
        "10.0.0.9/32",
    ]);
    let addresses = prop::sample::subsequence(vec!["10.42.0.1", "10.42.0.2", "fd42::1"], 0..=3);
    let forwards = prop::collection::vec(prop::sample::select(vec!["10.60.0.0/16", "fd60::/32"]), 0..3);
    (addresses, prop::collection::vec(prefix, 0..5), forwards).prop_map(|(addresses, routes, forwards)| {
        let from = |to: &str| if to.contains(':') { cidr("fd42::1/128") } else { cidr("10.42.0.1/32") };
        let rule = |to: &str| ForwardRule { from: from(to), to: cidr(to), services: Service::ANY.into(), policy: None };
        NetworkMap::new(addresses.into_iter().map(|address| address.parse().unwrap()))
            .with_routes(routes.into_iter().map(cidr))
            .with_masquerade(forwards.first().map(|to| cidr(to)))
            .with_forwards(forwards.into_iter().map(rule))
    })
}

fn any_host() -> impl Strategy<Value = HostObserved> {
    (any::<[bool; 4]>()).prop_map(|[forwards, checks_sources, has_ipv6, at_office]| {
        let mut host = HostObserved { checks_sources, has_ipv6, ..host() };
        host.sysctls.insert(Sysctl::ForwardIpv4, forwards.into());
        if at_office {
            host.attached.insert(cidr("10.60.0.0/16"), "eth1".to_owned());
        }
        host
    })
}

proptest! {
    /// From whatever was there of an earlier map: after its steps a host is as it should be, and nothing is left to do.
    #[test]
    fn a_plan_leads_where_it_should_and_is_empty_there(host in any_host(), first in any_map(), second in any_map()) {
        let before = after(&host, &plan(&host, &first));
        prop_assert!(plan(&before, &first).is_empty(), "{}", plan(&before, &first));
        let there = after(&before, &plan(&before, &second));
        prop_assert!(plan(&there, &second).is_empty(), "{}", plan(&there, &second));
        let steps = plan(&host, &second);
        prop_assert_eq!(&there.routes, &after(&host, &steps).routes);
        prop_assert_eq!(&there.rules, &after(&host, &steps).rules);
    }

    /// The end: settings are as they were, and nothing of ours is left but the interface, which goes with its process.
    #[test]
    fn at_the_end_the_host_is_as_it_was(host in any_host(), first in any_map(), second in any_map()) {
        let running = after(&host, &plan(&host, &first));
        let running = after(&running, &plan(&running, &second));
        let end = after(&running, &HostPlan::between(&running, &HostDesired::nothing(), &options()));
        prop_assert_eq!(HostObserved { interface: None, ..end }, HostObserved { interface: None, ..host });
    }

    /// Whichever step is refused, those before it are taken back.
    #[test]
    fn the_steps_before_one_that_is_refused_are_taken_back(host in any_host(), first in any_map(), second in any_map(), at in 0usize..40) {
        let before = after(&host, &plan(&host, &first));
        let plan = plan(&before, &second);
        let (mut host, refused) = (before.clone(), plan.steps().get(at));
        let result = all_or_nothing(plan.steps(), |step| {
            if refused == Some(step) {
                return Err(HostError::Name { name: "refused".to_owned() });
            }
            execute(&mut host, step);
            Ok(())
        });
        prop_assert_eq!(result.is_err(), refused.is_some());
        prop_assert_eq!(host, if refused.is_some() { before.clone() } else { after(&before, &plan) });
    }

    /// What a setting was is in our table at every moment at which it is changed.
    #[test]
    fn a_changed_setting_is_written_down_at_every_step(host in any_host(), first in any_map(), second in any_map()) {
        let mut now = host.clone();
        let mut follow = |plan: HostPlan| {
            let mut all_written = true;
            for step in plan.steps() {
                execute(&mut now, step);
                let written = now.table.as_ref().map(HostTable::before).unwrap_or_default();
                all_written &= Sysctl::ALL.iter().all(|sysctl| now.sysctls[sysctl] == host.sysctls[sysctl] || written.get(sysctl) == Some(&host.sysctls[sysctl]));
            }
            (now.clone(), all_written)
        };
        let (there, all_written) = follow(plan(&host, &first));
        prop_assert!(all_written);
        let (there, all_written) = follow(plan(&there, &second));
        prop_assert!(all_written);
        let (_, all_written) = follow(HostPlan::between(&there, &HostDesired::nothing(), &options()));
        prop_assert!(all_written);
    }

    /// Nothing is led into a table that does not know where to send it.
    #[test]
    fn a_way_into_the_tunnel_is_there_only_while_its_route_is(host in any_host(), first in any_map(), second in any_map()) {
        let mut now = host.clone();
        let there = after(&host, &plan(&host, &first));
        for plan in [plan(&host, &first), plan(&there, &second)] {
            for step in plan.steps() {
                execute(&mut now, step);
                for rule in now.rules.iter().filter(|rule| rule.is_inverted) {
                    let length = rule.suppressed.map_or(0, |shorter| shorter + 1);
                    let leads = |prefix: &Cidr| (prefix.is_ipv4(), prefix.length()) == (rule.is_ipv4, length);
                    prop_assert!(now.routes.iter().any(|route| leads(&route.prefix)), "{rule} after {step}");
                }
            }
        }
    }
}

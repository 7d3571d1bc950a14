use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

fn options() -> HostOptions {
    HostOptions::named("nanami0").unwrap()
}

fn route(text: &str) -> HostRoute {
    HostRoute { prefix: text.parse().unwrap(), to: RouteTo::Tunnel }
}

fn texts(options: &HostOptions, routes: &[HostRoute]) -> Vec<String> {
    let mut rules: Vec<_> = rules(options, routes).collect();
    rules.sort();
    rules.dedup();
    rules.iter().map(ToString::to_string).collect()
}

/// What `wg-quick` does for a default route, with numbers of our own.
#[test]
fn a_default_route_needs_two_rules() {
    let table = options().table;
    let expected = [
        format!("priority 20256 fwmark {table:#x}/0x0 lookup main suppress_prefixlength 0"),
        format!("priority 20257 not fwmark 0x4e610000 lookup {table}"),
    ];
    assert_eq!(texts(&options(), &[route("0.0.0.0/0")]), expected);
}

#[test]
fn a_host_route_is_never_less_exact_than_what_is_on_a_link() {
    let table = options().table;
    let expected = [format!("priority 20193 not fwmark 0x4e610000 lookup {table} suppress_prefixlength 31")];
    assert_eq!(texts(&options(), &[route("10.0.0.7/32")]), expected);
}

#[test]
fn tcp_to_control_goes_past_the_tunnel_only_where_a_route_covers_it() {
    let options = options().with_direct(["192.0.2.1:443".parse().unwrap(), "198.51.100.1:443".parse().unwrap()]);
    let first = &texts(&options, &[route("192.0.2.0/24")])[0];
    let table = options.table;
    assert_eq!(
        first,
        &format!("priority 19999 to 192.0.2.1/32 ipproto tcp dport 443 fwmark {table:#x}/0x0 lookup main")
    );
    assert_eq!(texts(&options, &[route("192.0.2.0/24")]).len(), 3);
}

#[test]
fn two_interfaces_have_no_rule_in_common() {
    let (one, two) = (options(), HostOptions::named("nanami1").unwrap());
    let routes = [route("0.0.0.0/0"), route("10.0.0.0/8"), route("fd00::/8")];
    let of = |options| rules(options, &routes).collect::<Vec<_>>();
    assert!(of(&one).iter().all(|rule| rule.belongs_to(one.table) && !rule.belongs_to(two.table)));
    assert!(of(&one).iter().all(|rule| !of(&two).contains(rule)));
}

/// The kernel's way through the rules, for a host with this main table.
fn asked(rules: &[HostRule], main: &[Cidr], ours: &[HostRoute], to: IpAddr, mark: u32) -> Option<(u32, Cidr)> {
    let mut rules: Vec<_> = rules.iter().filter(|rule| rule.is_ipv4 == to.is_ipv4()).collect();
    rules.sort_by_key(|rule| rule.priority);
    for rule in rules {
        let is_marked = (mark ^ rule.mark) & rule.mask == 0;
        if is_marked == rule.is_inverted {
            continue;
        }
        let prefixes: Vec<Cidr> = match rule.table {
            MAIN => main.to_vec(),
            _ => ours.iter().map(|route| route.prefix).collect(),
        };
        let answer = longest(&prefixes, to).filter(|prefix| rule.suppressed.is_none_or(|most| prefix.length() > most));
        if let Some(prefix) = answer {
            return Some((rule.table, prefix));
        }
    }
    longest(main, to).map(|prefix| (MAIN, prefix))
}

fn longest(prefixes: &[Cidr], to: IpAddr) -> Option<Cidr> {
    prefixes.iter().filter(|prefix| prefix.contains(to)).max_by_key(|prefix| prefix.length()).copied()
}

/// Few addresses, so that prefixes nest.
fn prefix() -> impl Strategy<Value = Cidr> {
    (0u32..64, 26u8..=32, any::<bool>()).prop_map(|(low, length, is_default)| {
        let length = if is_default { 0 } else { length };
        let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
        let address = (0x0a00_0000 | low) & mask;
        Cidr::new(IpAddr::V4(address.into()), length).unwrap()
    })
}

proptest! {
    /// Both tables are asked as if they were one; what bears our mark sees the main table alone.
    #[test]
    fn the_longest_prefix_of_both_tables_wins(
        main in prop::collection::vec(prefix(), 0..8),
        ours in prop::collection::vec(prefix(), 0..8),
        to in 0u32..64,
    ) {
        let to = IpAddr::V4((0x0a00_0000 | to).into());
        let routes: Vec<_> = ours.iter().map(|prefix| HostRoute { prefix: *prefix, to: RouteTo::Tunnel }).collect();
        let options = options();
        let rules: Vec<_> = rules(&options, &routes).collect();
        let (nearer, tunnel) = (longest(&main, to), longest(&ours, to));
        let expected = match (nearer, tunnel) {
            (Some(near), Some(tunnel)) if near.length() > tunnel.length() => Some((MAIN, near)),
            (_, Some(tunnel)) => Some((options.table, tunnel)),
            (near, None) => near.map(|near| (MAIN, near)),
        };
        prop_assert_eq!(asked(&rules, &main, &routes, to, 0), expected);
        prop_assert_eq!(asked(&rules, &main, &routes, to, MARK), nearer.map(|near| (MAIN, near)));
    }
}

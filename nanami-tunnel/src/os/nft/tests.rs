use super::*;
use crate::os::Sysctl;

fn options() -> HostOptions {
    HostOptions::named("nanami0").unwrap()
}

fn gateway() -> Ruleset {
    Ruleset {
        forwards: true,
        closes_others: true,
        masqueraded: vec!["10.60.0.0/16".parse().unwrap(), Cidr::ALL_V6],
        marks_answers: false,
        before: Before::from([(Sysctl::ForwardIpv4, 0)]),
    }
}

#[test]
fn a_gateways_table_replaces_itself_and_nothing_else() {
    let table = gateway().table(&options());
    let digest = &table.comment["nanami ".len()..][..16];
    let expected = format!(
        "add table inet nanami-nanami0\n\
         delete table inet nanami-nanami0\n\
         table inet nanami-nanami0 {{\n\
         \tcomment \"nanami {digest} net.ipv4.ip_forward=0\"\n\
         \tchain forward {{\n\
         \t\ttype filter hook forward priority mangle; policy accept;\n\
         \t\tiifname \"nanami0\" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu\n\
         \t\toifname \"nanami0\" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu\n\
         \t\tiifgroup != 77 oifgroup != 77 drop\n\
         \t}}\n\
         \tchain translate {{\n\
         \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
         \t\tiifname \"nanami0\" oifname != \"nanami0\" ip daddr 10.60.0.0/16 masquerade\n\
         \t\tiifname \"nanami0\" oifname != \"nanami0\" meta nfproto ipv6 masquerade\n\
         \t}}\n\
         }}\n"
    );
    assert_eq!(script("nanami-nanami0", Some(&table)), expected);
    assert_eq!(script("nanami-nanami0", None), "add table inet nanami-nanami0\ndelete table inet nanami-nanami0\n");
}

#[test]
fn other_rules_have_another_comment_and_the_same_rules_the_same() {
    let table = |ruleset: Ruleset| ruleset.table(&options()).comment;
    assert_eq!(table(gateway()), table(gateway()));
    assert_ne!(table(gateway()), table(Ruleset { masqueraded: Vec::new(), ..gateway() }));
    assert_ne!(table(gateway()), table(Ruleset { before: Before::new(), ..gateway() }));
}

#[test]
fn several_ranges_of_a_family_are_one_set_and_none_is_inside_another() {
    let ranges = ["10.60.0.0/16", "10.60.7.0/24", "10.62.0.0/16", "fd60::/48"].map(|range| range.parse().unwrap());
    let body = Ruleset { masqueraded: ranges.to_vec(), ..gateway() }.table(&options()).body;
    assert!(body.contains("ip daddr { 10.60.0.0/16, 10.62.0.0/16 } masquerade\n"), "{body}");
    assert!(body.contains("ip6 daddr fd60::/48 masquerade\n"), "{body}");
}

/// nft takes comments of 128 bytes at most.
#[test]
fn the_longest_comment_is_one_for_nft() {
    let before = Sysctl::ALL.into_iter().map(|sysctl| (sysctl, u8::MAX)).collect();
    let comment = Ruleset { before, ..gateway() }.table(&options()).comment;
    assert!(comment.len() <= 128, "{} bytes: {comment}", comment.len());
}

#[test]
fn what_nft_prints_is_read_back() {
    let listing = "table inet nanami-nanami0 {\n\tcomment \"nanami 0011 net.ipv4.ip_forward=0\"\n\tchain x {\n\t}\n}\n";
    let table = HostTable::read("nanami-nanami0", listing).unwrap();
    assert_eq!(table.before(), Before::from([(Sysctl::ForwardIpv4, 0)]));
    assert_eq!(table.body, "\tcomment \"nanami 0011 net.ipv4.ip_forward=0\"\n\tchain x {\n\t}\n");
    assert_eq!(HostTable::read("nanami-nanami0", ""), None);
    assert_eq!(HostTable::read("x", "table inet x {\n}\n").unwrap().before(), Before::new());
}

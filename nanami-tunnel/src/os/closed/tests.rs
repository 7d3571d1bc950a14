use super::*;

/// As Docker leaves it, abridged.
const DOCKER: &str = "table ip filter {
\tchain DOCKER-USER {
\t}

\tchain FORWARD {
\t\ttype filter hook forward priority filter; policy drop;
\t\tcounter packets 7 bytes 420 jump DOCKER-USER
\t\toifname \"docker0\" ct state related,established counter packets 0 bytes 0 accept
\t}
}
";

/// As firewalld leaves it, abridged.
const FIREWALLD: &str = "table inet firewalld {
\tchain filter_FORWARD {
\t\ttype filter hook forward priority filter + 10; policy accept;
\t\tiifname \"lo\" accept
\t\treject with icmpx admin-prohibited
\t}

\tchain filter_INPUT {
\t\ttype filter hook input priority filter + 10; policy drop;
\t\tdrop
\t}
}
";

fn said(listing: &str) -> Vec<String> {
    Closed::read(listing, "nanami0").iter().map(ToString::to_string).collect()
}

#[test]
fn what_drops_is_named_with_the_rules_that_are_missing() {
    let docker = "chain FORWARD of table ip filter, which is somebody else's, drops what nanami0 forwards (policy drop): let \
                  it through with `nft insert rule ip filter DOCKER-USER iifname nanami0 accept` and `nft insert rule ip filter \
                  DOCKER-USER oifname nanami0 accept`";
    assert_eq!(said(DOCKER), [docker]);
    let firewalld = "chain filter_FORWARD of table inet firewalld, which is somebody else's, drops what nanami0 forwards (by \
                     its last rule): let it through with `nft insert rule inet firewalld filter_FORWARD iifname nanami0 \
                     accept` and `nft insert rule inet firewalld filter_FORWARD oifname nanami0 accept`";
    assert_eq!(said(FIREWALLD), [firewalld]);
    let counted = FIREWALLD.replace("\t\treject with", "\t\tcounter packets 3 bytes 252 reject with");
    assert_eq!(said(&counted), [firewalld]);
}

#[test]
fn answers_are_accepted_by_a_rule_for_all_of_them_at_this_hook() {
    let missing = |rule: &str| {
        let rule = format!("DOCKER-USER {{\n\t\tiifname \"nanami0\" accept\n\t\t{rule}\n");
        said(&DOCKER.replace("DOCKER-USER {\n", &rule)).len()
    };
    assert_eq!(missing("ct state established,related counter packets 3 bytes 252 accept"), 0);
    assert_eq!(missing("ct state { established, related } accept comment \"answers\""), 0);
    assert_eq!(missing("oifname \"nanami0\" accept comment \"to the overlay\""), 0);
    assert_eq!(missing("ct state established ip saddr 192.0.2.1 accept"), 1, "answers of one host");
    assert_eq!(missing("oifname \"docker0\" ct state established accept"), 1, "answers to another interface");
    let input = "\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tiifname \"nanami0\" accept\n\t\tct \
                 state established accept\n\t}\n}\n";
    let both = DOCKER.replace("\t}\n}\n", &format!("\t}}\n{input}"));
    assert_eq!(said(&both), said(DOCKER), "what is for this host is not what it forwards");
}

#[test]
fn a_table_with_an_owner_is_not_for_others_to_change() {
    let owned = FIREWALLD.replace("firewalld {", "firewalld { # progname firewalld");
    let [line] = said(&owned).try_into().unwrap();
    assert!(line.ends_with("let it through with firewalld, which alone may change that table"), "{line}");
    assert!(Closed::tables(&owned).contains(&("inet".to_owned(), "firewalld".to_owned())));
}

#[test]
fn what_somebody_has_seen_to_or_drops_elsewhere_is_not_said() {
    let rules = "DOCKER-USER {\n\t\tiifname \"nanami0\" accept\n\t\toifname \"nanami0\" accept\n";
    let seen_to = DOCKER.replace("DOCKER-USER {\n", rules);
    assert_eq!(said(&seen_to), [""; 0]);
    let other = DOCKER.replace("DOCKER-USER {\n", "DOCKER-USER {\n\t\tiifname \"nanami01\" accept\n");
    assert_eq!(said(&other).len(), 1, "another interface");
    let refused = DOCKER.replace("DOCKER-USER {\n", "DOCKER-USER {\n\t\tiifname \"nanami0\" drop\n");
    assert_eq!(said(&refused).len(), 1, "a rule that does not accept");
    assert_eq!(said(&DOCKER.replace("policy drop", "policy accept")), [""; 0]);
    let some = FIREWALLD.replace("\t\treject with icmpx admin-prohibited", "\t\tip saddr 192.0.2.1 drop");
    assert_eq!(said(&some), [""; 0], "a rule about somebody drops not everything");
    for nothing in ["", "table", "table ip filter {", "chain {\n}"] {
        assert_eq!(said(nothing), [""; 0], "{nothing:?}");
    }
}

#[test]
fn the_tables_with_a_chain_at_the_hook_are_those_of_others() {
    let chains = format!("{DOCKER}{FIREWALLD}").replace("hook input", "hook output");
    let ours = "table inet nanami-nanami1 {\n\tchain forward {\n\t\ttype filter hook forward priority mangle; policy accept;\n\t}\n}\n";
    let bridge = "table bridge x {\n\tchain y {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n";
    let nat = "table ip nat {\n\tchain POSTROUTING {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t}\n}\n";
    let tables = Closed::tables(&format!("{chains}{ours}{bridge}{nat}"));
    let names: Vec<_> = tables.iter().map(|(family, table)| format!("{family} {table}")).collect();
    assert_eq!(names, ["inet firewalld", "ip filter"]);
}

#[test]
fn a_chain_concerns_the_families_that_its_table_sees() {
    let sees = |listing: &str| [true, false].map(|is_ipv4| Closed::read(listing, "nanami0")[0].concerns(is_ipv4));
    assert_eq!(sees(DOCKER), [true, false]);
    assert_eq!(sees(FIREWALLD), [true, true]);
}

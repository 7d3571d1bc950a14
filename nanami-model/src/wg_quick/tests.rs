use proptest::prelude::*;

use super::*;

const OWN: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const OTHER: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

/// Every key that there is, in odd cases and spacing, with comments.
fn everything() -> String {
    format!(
        "# a comment\r\n[INTERFACE]\r\nprivatekey={OWN}\r\nAddress = 10.42.0.7/24 ,fd42::7 # two\nAddress = 10.43.0.7\n\
         ListenPort = 51820\nDNS = 10.42.0.1, example.org,fd42::1\nMTU = 1420\nTable = 1234\nFwMark = 0xCA6C\nSaveConfig = true\n\
         PostUp = iptables -t nat -A POSTROUTING -j MASQUERADE; secret-token\nPreDown = sysctl net.ipv4.ip_forward=0\n\
         \n[peer]\nPublicKey = {OTHER}\nPresharedKey = {OWN}\nAllowedIPs = 10.42.0.0/24, 10.42.0.1\nAllowedIPs = ::/0\n\
         Endpoint = VPN.example.org:51820\nPersistentKeepalive = 25"
    )
}

#[test]
fn every_key_is_read_whatever_its_case() {
    let config: WgQuick = everything().parse().unwrap();
    assert_eq!(
        config.expose().to_string(),
        format!(
            "[Interface]\nPrivateKey = {OWN}\nAddress = 10.42.0.7/24, fd42::7/128, 10.43.0.7/32\nListenPort = 51820\n\
             DNS = 10.42.0.1, example.org, fd42::1\nMTU = 1420\nTable = 1234\nFwMark = 0xca6c\nSaveConfig = true\n\
             \n[Peer]\nPublicKey = {OTHER}\nPresharedKey = {OWN}\nAllowedIPs = 10.42.0.0/24, 10.42.0.1/32, ::/0\n\
             Endpoint = vpn.example.org:51820\nPersistentKeepalive = 25\n"
        )
    );
    let hooks: Vec<_> = config.interface().hooks().iter().map(|h| (h.moment(), h.purpose(), h.line())).collect();
    assert_eq!(hooks, [(Moment::PostUp, Purpose::Masquerade, 12), (Moment::PreDown, Purpose::Forwarding, 13)]);
    assert_eq!((config.interface().line(), config.peers()[0].line()), (2, 15));
    assert_eq!(config.expose().parse::<WgQuick>().unwrap(), config.without_hooks());
}

#[test]
fn sec_60_neither_a_key_nor_a_command_prints() {
    let config: WgQuick = everything().parse().unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains(&OWN[..8]) && !shown.contains("secret-token") && !shown.contains("iptables"), "{shown}");
    assert!(!config.expose().contains("secret-token"));
    // Nor does an error, whatever line the key got into.
    let near = &OWN[..43];
    for line in ["PrivateKey = ", "PresharedKey = ", "PrivatKey = ", "", "Key ", "PublicKey = ", "[", "PrivateKey "] {
        for section in ["[Interface]", "[Peer]", ""] {
            for key in [near, OWN, &OWN[1..]] {
                let Err(errors) = format!("{section}\n{line}{key}").parse::<WgQuick>() else { continue };
                assert!(!format!("{errors} {errors:?}").contains(&OWN[8..40]), "{errors}");
            }
        }
    }
}

#[test]
fn all_mistakes_come_at_once_with_place_code_and_remedy() {
    let text = format!(
        "Address = 10.0.0.1\n[Interface]\nPrivateKey = {}\nAddress = 10.0.0.1/24, 10.0.0.1, 010.0.0.1\nMTU = 99\nMTU = 1420\n\
         Adress = 10.0.0.2\nEndpoint = a:1\nDNS = 10.0.1\nTable = main\nFwMark = 0x\nListenPort = +1\nSaveConfig = yes\n\
         what is this\n[Interface]\nMTU = 1\n[Pear]\nx = y\n[Peer]\n[Peer]\nPublicKey = {OTHER}\n\
         AllowedIPs = 10.0.0.1/8, ::ffff:1.2.3.4\n\tEndpoint = fe80::1:51820\n[Peer]\nPublicKey = {OTHER}\n\
         PersistentKeepalive = 65536\nPresharedKey = {}=\n\u{7}",
        &OWN[1..],
        "A".repeat(43)
    );
    let errors = text.parse::<WgQuick>().unwrap_err();
    let wanted = include_str!("tests/mistakes.txt");
    assert_eq!(errors.with_file("wg0.conf").to_string(), wanted.trim_end());
}

#[test]
fn a_prefix_belongs_to_one_peer_and_a_device_is_none_of_its_own() {
    let own = OWN.parse::<crate::PrivateKey>().unwrap().public();
    let text = format!(
        "[Interface]\nPrivateKey = {OWN}\n[Peer]\nPublicKey = {OTHER}\nAllowedIPs = 10.0.0.0/8, 10.0.0.0/8\n\
         [Peer]\nPublicKey = {own}\nAllowedIPs = 10.0.0.0/9, 10.0.0.0/8"
    );
    let errors = text.parse::<WgQuick>().unwrap_err();
    let codes: Vec<_> = errors.iter().map(|e| (e.line(), e.column(), e.code())).collect();
    assert_eq!(codes, [(7, 1, "wg_quick.own_key"), (8, 26, "wg_quick.duplicate")]);
}

#[test]
fn what_is_off_is_not_there() {
    let off = format!(
        "[Interface]\nListenPort = 0\nTable = AUTO\nFwMark = off\nSaveConfig = false\n[Peer]\nPublicKey = {OTHER}\n\
         PersistentKeepalive = off\nAllowedIPs ="
    );
    let plain = format!("[Interface]\n\n[Peer]\nPublicKey = {OTHER}\n");
    assert_eq!(off.parse::<WgQuick>().unwrap().expose().to_string(), plain);
}

#[test]
fn the_size_of_a_file_and_the_number_of_its_errors_are_bounded() {
    let long = "#".repeat((8 << 20) + 1);
    assert_eq!(long.parse::<WgQuick>().unwrap_err().code(), "wg_quick.too_large");
    let many = "[Interface]\n".to_owned() + &"[Peer]\n".repeat(70_000);
    let errors = many.parse::<WgQuick>().unwrap_err();
    assert_eq!((errors.iter().count(), errors.left_out()), (100, 70_000 - 100));
    assert!(errors.to_string().ends_with("\n69900 more are not listed"));
}

#[test]
fn a_plain_configuration_is_a_map_that_does_what_plain_wireguard_does() {
    let text = everything().replace("PresharedKey", "#");
    let config: WgQuick = text.parse().unwrap();
    let endpoints: Vec<_> = config.endpoints().map(|(key, at)| (key.to_string(), at.to_string())).collect();
    assert_eq!(endpoints, [(OTHER.to_owned(), "vpn.example.org:51820".to_owned())]);
    let (key, map) = config.into_parts().unwrap();
    assert_eq!(key.expose_text().to_string(), OWN);
    let ranges: crate::AllowedIps = "10.42.0.0/24, 10.42.0.1/32, ::/0".parse().unwrap();
    let neighbor = map.neighbor(&OTHER.parse().unwrap()).unwrap();
    assert_eq!(neighbor.allowed_ips(), ranges.as_slice());
    assert_eq!(neighbor.keepalive(), Some(std::time::Duration::from_secs(25)));
    assert_eq!((map.addresses().len(), map.routes(), map.forward().len()), (3, ranges.as_slice(), 0));
    assert_eq!(map.filter().rules().len(), 3);
    assert_eq!(crate::NetworkMap::decode(&map.encode()), Ok(map));

    let off = text.replace("Table = 1234", "Table = off").parse::<WgQuick>().unwrap();
    assert!(off.into_parts().unwrap().1.routes().is_empty());
    assert_eq!(everything().parse::<WgQuick>().unwrap().into_parts().unwrap_err().code(), "wg_quick.preshared_key");
    assert_eq!("[Interface]".parse::<WgQuick>().unwrap().into_parts().unwrap_err(), NotRunnable::NoPrivateKey);
}

fn lines() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("PrivateKey"),
        Just("Address"),
        Just("AllowedIPs"),
        Just("PublicKey"),
        Just("endpoint"),
        Just("DNS"),
        Just("FwMark"),
        Just("PostUp"),
        Just("MTU"),
        Just("PersistentKeepalive"),
        Just("PresharedKey")
    ];
    let value = prop_oneof![
        Just(OWN.to_owned()),
        Just(OTHER.to_owned()),
        "10\\.[0-9]{1,2}\\.0\\.[0-9](/[0-9]{1,2})?",
        "fd[0-9]{2}::(/[0-9]{1,3})?",
        "[a-z]{1,3}:[0-9]{1,5}",
        "[0-9]{0,5}",
        "off",
        "[ -~]{0,8}",
    ];
    prop_oneof![
        1 => Just("[Interface]".to_owned()),
        2 => Just("[Peer]".to_owned()),
        6 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => "\\PC{0,6}",
    ]
}

proptest! {
    #[test]
    fn sec_22_what_is_read_prints_as_a_text_that_reads_as_the_same(lines in prop::collection::vec(lines(), 0..8)) {
        let text = "[Interface]\n".to_owned() + &lines.join("\n");
        match text.parse::<WgQuick>() {
            Ok(config) => {
                let printed = config.expose();
                let again: WgQuick = printed.parse().unwrap();
                prop_assert_eq!(again.expose().to_string(), printed.to_string());
                prop_assert_eq!(again, config.without_hooks());
            }
            Err(errors) => {
                prop_assert!(errors.iter().count() > 0);
                for error in &errors {
                    prop_assert!(error.line() <= lines.len() + 1 && !error.remedy().is_empty());
                }
            }
        }
    }
}

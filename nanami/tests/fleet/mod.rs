//! A workspace of any size, as a document.

use std::fmt::Write as _;

/// As many peers in teams of 50, five teams to a network, each team reaching the next by https. A gateway for each thousand, but two at
/// least, and six labs behind two of them each, which one team each may use; the first must survive the loss of a gateway.
pub(crate) fn fleet(peers: usize) -> String {
    let teams = peers / 50;
    let gateways = (peers / 1000).max(2);
    let mut text = String::from("[workspace]\nname = \"fleet\"\n\n[users]\nnetops = { role = \"owner\" }\n");
    for team in 0..teams.min(3) {
        writeln!(text, "lead-{team} = {{ roles = {{ team-{team} = \"admin\" }} }}").unwrap();
    }
    text += "\n[groups]\n";
    (0..teams).for_each(|team| writeln!(text, "team-{team} = {{}}").unwrap());
    for network in 0..teams.div_ceil(5) {
        writeln!(text, "\n[networks.net-{network}]\nowner = \"team-{}\"", network * 5).unwrap();
        writeln!(text, "pools = [\"10.{network}.0.0/16\"]").unwrap();
    }
    text += "\n[gateways]\n";
    for gateway in 0..gateways {
        writeln!(text, "gw-{gateway} = {{ region = \"r-{}\", networks = [\"net-0\"] }}", gateway % 2).unwrap();
    }
    text += "\n[peers]\n";
    for peer in 0..peers {
        let (network, team) = (peer / 250, peer / 50);
        writeln!(text, "p-{peer} = {{ networks = [\"net-{network}\"], groups = [\"team-{team}\"] }}").unwrap();
    }
    for lab in 0..6 {
        let (one, two) = (lab % gateways, (lab + 1) % gateways);
        writeln!(text, "\n[routes.lab-{lab}]\nnetwork = \"net-0\"\nprefix = \"172.16.{lab}.0/24\"").unwrap();
        writeln!(text, "gateways = [\"gw-{one}\", \"gw-{two}\"]\nredundancy = 2").unwrap();
    }
    text += "\n[policies]\n";
    for team in 0..teams {
        let next = (team + 1) % teams;
        writeln!(text, "next-{team} = {{ from = \"team-{team}\", to = \"team-{next}\", allow = [\"tcp/443\"] }}")
            .unwrap();
    }
    for lab in 0..6 {
        let team = lab * 3 % teams;
        writeln!(text, "lab-{lab} = {{ from = \"team-{team}\", to = \"lab-{lab}\", allow = [\"any\"] }}").unwrap();
    }
    text += "\n[assertions]\n";
    text += "labs-redundant = { survives_loss_of = { route = \"lab-0\", gateways = 1 } }\n";
    text += "teams-apart = { must_not_reach = { from = \"team-0\", to = \"team-3\", service = \"any\" } }\n";
    text
}

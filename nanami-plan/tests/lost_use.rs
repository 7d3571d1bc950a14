//! Who used what a plan takes away is said of all of it, however much is listed.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::time::Duration;

use nanami_model::{Intent, Observed, PeerId, PolicyId, Report, Timestamp, Usage};
use nanami_plan::{Base, Plan, Selection, compile, plan};
use proptest::prelude::*;
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_millis(1_795_360_204_000);
const PEERS: usize = 12;

/// Everybody in one group reaches everybody in the other by either policy, and by one of two ports.
fn two_groups() -> Intent {
    let mut text =
        String::from("[workspace]\nname = \"two\"\n[users]\nno = { role = \"owner\" }\n[groups]\na = {}\nb = {}\n");
    text += "[networks.net]\nowner = \"a\"\npools = [\"10.0.0.0/16\"]\n[peers]\n";
    for group in ["a", "b"] {
        (0..PEERS)
            .for_each(|n| writeln!(text, "{group}-{n} = {{ networks = [\"net\"], groups = [\"{group}\"] }}").unwrap());
    }
    text += "[policies]\ngoes = { from = \"a\", to = \"b\", allow = [\"tcp/1\"] }\n";
    text += "stays = { from = \"a\", to = \"b\", allow = [\"tcp/2\"] }\n";
    Intent::from_toml(&text).unwrap()
}

fn plan_with(uses: &[(usize, usize, bool, u64)]) -> Plan {
    let intent = two_groups();
    let id = |name: String| intent.id::<PeerId>(&name).unwrap();
    let policy = |name: &str| intent.id::<PolicyId>(name).unwrap();
    let (goes, stays) = (policy("goes"), policy("stays"));
    let mut observed = Observed::none().clone();
    for at in 0..PEERS {
        let of = uses.iter().filter(|(_, to, ..)| *to == at);
        let usage = of.map(|(from, _, by_goes, minutes)| Usage {
            policy: if *by_goes { goes } else { stays },
            from: Some(id(format!("a-{from}"))),
            open: 0,
            opened: 1,
            last_use_age: Duration::from_secs(60 * minutes),
        });
        observed.record(id(format!("b-{at}")), Report { usage: usage.collect(), ..Report::default() }, NOW).unwrap();
    }
    let mut draft = intent.draft();
    draft.remove(goes);
    let next = intent.apply(intent.owner(), &draft.into_changes()).unwrap();
    let [before, after] = [&intent, &next].map(|intent| compile(intent, &Selection::default()));
    plan(&Base::settled(&before), &after, &observed, NOW)
}

proptest! {
    #[test]
    fn what_is_said_of_all_that_is_lost_is_what_its_list_says(
        uses in prop::collection::vec((0..PEERS, 0..PEERS, any::<bool>(), 1u64..5000), 0..30),
    ) {
        let plan = plan_with(&uses);
        let json = serde_json::to_value(&plan).unwrap();
        let lost = &json["reachability"]["lost"];
        let first = lost["first"].as_array().unwrap();
        prop_assert_eq!((lost["count"].as_u64(), first.len()), (Some(144), 144));
        let ages: Vec<_> = first.iter().filter_map(|one| one["usage"]["last_used_ms"].as_u64()).collect();
        match ages.iter().min() {
            None => prop_assert_eq!(&json["lost_in_use"], &Value::Null),
            Some(latest) => {
                prop_assert_eq!(&json["lost_in_use"]["count"], ages.len());
                prop_assert_eq!(&json["lost_in_use"]["last_ms"], *latest);
            }
        }
    }
}

#[test]
fn a_list_that_is_cut_says_how_many_of_all_were_used() {
    let text = plan_with(&[(11, 11, true, 120), (10, 11, true, 3000), (9, 9, false, 1)]).to_string();
    assert!(text.contains("more; 2 of all were used, the latest 2 h ago\n"), "{text}");
    let text = plan_with(&[(9, 9, false, 1)]).to_string();
    assert!(!text.contains("of all were used"), "{text}");
}

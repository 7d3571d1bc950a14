//! How long people wait for an answer about a large workspace: what `nanami plan FILE [--against OLD]`, `explain`, `reach` and
//! `status` do after the documents are read.
//!
//! `cargo run --release -p nanami-plan --example answers -- [PEERS] [GROUPS]`, 10,000 and 200 unless said: workload W1 of PLANNING.md
//! section 7, and a second document in which one peer in a hundred is in another group. Prints one JSON object, milliseconds.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "it measures, and begins with what it made itself"
)]

#[path = "scale/workload.rs"]
mod workload;

use std::time::Instant;

use nanami_model::{Intent, Observed, Selector, Service, Timestamp};
use nanami_plan::{Base, Desired, Failure, Selection, Who, compile, plan};
use serde_json::{Map, Value, json};
use workload::{Kind, group_id, many_regrouped, peer_id, regrouped, workload};

fn main() {
    let mut sizes = std::env::args().skip(1).map(|text| text.parse().unwrap());
    let mut size = |usual: usize| sizes.next().unwrap_or(usual);
    let (peers, groups) = (size(10_000), size(200));
    let made = workload(Kind::W1, peers, groups);
    let mut times = Times::default();
    times.0.insert("peers".to_owned(), json!(peers));
    let old = times.of("read", || Intent::from_toml(&made.to_toml()).unwrap());
    let wanted = many_regrouped(&made, peers / 100, peers, groups);
    let one = regrouped(&made, peers / 3, groups / 2);
    let desired = times.of("compile", || compile(&old, &Selection::default()));
    times.plan("first", &Base::nothing(), &desired);
    for (name, wanted) in [("one", &one), ("hundredth", &wanted)] {
        let changes = times.of(&format!("{name}_changes_to"), || old.changes_to(wanted));
        let next = times.of(&format!("{name}_apply"), || old.apply(old.owner(), &changes).unwrap());
        let after = times.of(&format!("{name}_compile"), || compile(&next, &Selection::default()));
        times.plan(name, &Base::settled(&desired), &after);
    }
    times.questions(&old, &desired);
    println!("{}", Value::Object(times.0));
}

#[derive(Default)]
struct Times(Map<String, Value>);

impl Times {
    fn of<T>(&mut self, name: &str, with: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let made = with();
        self.0.insert(name.to_owned(), json!((begun.elapsed().as_secs_f64() * 1e5).round() / 100.0));
        made
    }

    fn plan(&mut self, name: &str, base: &Base, after: &Desired) {
        let made = self.of(&format!("{name}_plan"), || plan(base, after, Observed::none(), Timestamp::from_millis(0)));
        self.of(&format!("{name}_plan_text"), || made.to_string());
        self.of(&format!("{name}_plan_json"), || serde_json::to_string(&made).unwrap().len());
        eprintln!("{made}\n");
    }

    fn questions(&mut self, intent: &Intent, desired: &Desired) {
        let view = desired.beside(Observed::none(), Timestamp::from_millis(0));
        let flow = intent.flow("peer-0", "peer-77", Service::tcp(5432)).unwrap();
        self.of("explain", || view.explain(&flow).to_string());
        self.of("reach_to", || view.reach(&Who::To(peer_id(0).into())).to_string());
        self.of("reach_from", || view.reach(&Who::From(peer_id(0))).to_string());
        self.of("status", || view.overview().to_string());
        let gateway = intent.gateways().next().map(|(id, _)| id).unwrap();
        self.of("impact", || view.impact(&Failure::gateway(gateway)).to_string());
        self.of("sweep", || view.sweep().to_string());
        let assertion = nanami_model::Assertion::must_not_reach(
            "apart".parse().unwrap(),
            Selector::from(group_id(0)),
            Selector::from(group_id(1)),
            Service::tcp(5432),
        );
        self.of("assertion", || desired.check_assertions(&[assertion]).is_ok());
    }
}

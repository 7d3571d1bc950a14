//! The board with a plan over it says what the plan says.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;

use common::world;
use edits::{edited, edits};
use nanami_model::{
    GatewayId, Generation, Intent, Observed, PeerId, Policy, PolicyId, Report, Service, Timestamp, name,
};
use nanami_plan::board::{Board, Cards, Detail};
use nanami_plan::{Base, Desired, Plan, Selection, compile, plan};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_360_204_000);

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn change(before: &Intent, after: &Intent) -> (Desired, Plan) {
    let base = desired(before);
    let plan = plan(&Base::settled(&base), &desired(after), Observed::none(), NOW);
    (base, plan)
}

fn overlay(before: &Intent, after: &Intent, detail: Detail) -> Board {
    let (base, plan) = change(before, after);
    base.beside(Observed::none(), NOW).board_of(&plan, detail)
}

/// The sum of an attribute over the elements of a page.
fn sum(page: &str, attribute: &str) -> usize {
    let start = format!(" {attribute}=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap().parse::<usize>().unwrap()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_links_of_an_overlay_count_what_the_plan_counts(world in world(), edits in edits()) {
        let before = world.intent();
        let after = edits.into_iter().enumerate().fold(before.clone(), |intent, (n, edit)| edited(&intent, n, edit));
        let (base, plan) = change(&before, &after);
        let effect = plan.effect();
        let counts = [effect.gained(), effect.lost(), effect.rerouted(), effect.disturbed()].map(|flows| flows.count());
        let words = ["gained", "lost", "rerouted", "disturbed"];
        for cards in [Cards::Peers, Cards::Groups, Cards::Networks] {
            let view = base.beside(Observed::none(), NOW);
            let page = view.board_of(&plan, Detail::default().by(cards).unexplained()).to_html();
            let shown = words.map(|word| sum(&page, &format!("data-{word}")));
            prop_assert_eq!(shown, counts, "{:?}\n{:#}", cards, effect);
            let said: Vec<_> = counts.iter().zip(words).map(|(n, word)| format!("{n} {word}")).collect();
            let id = format!("plan {} from revision {}, not applied: {}<", plan.id(), before.revision(), said.join(", "));
            prop_assert!(page.contains(&id), "{id}");
            // As many links as there are without the plan.
            let links = sum(&Board::in_detail(&desired(&after), Detail::default().by(cards)).to_html(), "data-count");
            prop_assert_eq!(sum(&page, "data-count"), links);
        }
    }
}

/// acme with a policy more, one less, and a gateway that hands its clients over.
fn story() -> (Intent, Intent) {
    let acme = common::joined(&common::acme());
    let id = |n: &str| acme.id::<PeerId>(n).unwrap();
    let mut draft = acme.draft();
    draft.remove(acme.id::<PolicyId>("edge-to-api").unwrap());
    draft.remove(id("k8s-ingress"));
    draft.remove(acme.id::<PolicyId>("ci-deploys").unwrap());
    draft.remove(acme.id::<nanami_model::AssertionId>("deploys-survive").unwrap());
    draft.remove(acme.id::<nanami_model::AssertionId>("vpc-redundant").unwrap());
    draft.add(Policy::allow(name!("edge-reads"), id("edge-router"), id("db-cluster"), Service::tcp(5432)));
    draft.update(acme.id::<GatewayId>("us-east").unwrap(), |gateway| gateway.draining());
    draft.update(id("api-gateway"), |peer| peer.with_key(common::key(77)));
    let changes = draft.into_changes();
    let next = acme.apply(acme.owner(), &changes).unwrap();
    (acme, next)
}

#[test]
fn each_difference_is_a_word_a_shape_and_a_stroke() {
    let (before, after) = story();
    let picture = overlay(&before, &after, Detail::default()).to_svg();
    for (title, class) in [
        ("edge-router to api-gateway, tcp/443, direct, planned, not live; plan: lost tcp/443, direct", "lost"),
        ("edge-router to db-cluster, tcp/5432, direct, planned, not live; plan: gained tcp/5432, direct", "gained"),
        ("ci-runner to k8s-ingress, tcp/6443, direct, planned, not live; plan: lost tcp/6443, direct", "lost"),
        (
            "api-gateway to db-cluster, tcp/5432, direct, planned, not live; plan: disturbed tcp/5432, api-gateway has another key",
            "disturbed",
        ),
        (
            "ci-runner to vpc, tcp/443, via eu-west, planned, not live; plan: rerouted tcp/443, via eu-west; \
             was via us-east, standby eu-west; plan: disturbed tcp/443, moves to another gateway",
            "disturbed",
        ),
    ] {
        let element = format!("<g class=\"link planned does {class}\"><title>{title}</title>");
        assert!(picture.contains(&element), "{element}\n{picture}");
    }
    for word in ["gained", "lost", "rerouted", "disturbed"] {
        assert!(picture.contains(&format!(">{word}</text>")), "{word} stands on a line");
        assert!(picture.contains(&format!("<g class=\"sign {word}\"")), "{word} has a shape");
    }
    assert_eq!(picture.matches("class=\"link planned kept\"").count(), 1, "edge-router to exit");
    assert!(picture.contains(">k8s-ingress</text>") && picture.contains("<tspan class=\"soft\">removed</tspan>"));
}

#[test]
fn without_a_difference_an_overlay_is_the_board() {
    let acme = common::joined(&common::acme());
    let lines = |board: Board| -> Vec<String> {
        board.to_svg().lines().map(|line| line.replace(" kept", "").replace(" overlay", "")).collect()
    };
    let view_of = desired(&acme);
    let plain = lines(view_of.beside(Observed::none(), NOW).board());
    let over = lines(overlay(&acme, &acme, Detail::default()));
    let more: Vec<_> = over.iter().filter(|line| !plain.contains(line)).collect();
    assert_eq!(more.len(), 1 + 1 + 4, "the name, the plan, and its signs in the legend: {more:#?}");
    assert_eq!(plain.iter().filter(|line| !over.contains(line)).count(), 1, "the name without the plan");
}

#[test]
fn the_page_of_an_overlay_has_the_text_of_the_plan_and_explains_what_is_lost() {
    let (before, after) = story();
    let (base, plan) = change(&before, &after);
    let detail = Detail::default().asking("next.toml");
    let board = base.beside(Observed::none(), NOW).board_of(&plan, detail).with_plan_command("nanami plan next.toml");
    let page = board.to_html();
    let escaped = plan.to_string().replace('&', "&amp;").replace('>', "&gt;");
    assert!(page.contains(&format!("<pre tabindex=\"0\">{escaped}</pre>")), "{escaped}");
    assert!(page.contains("<code>nanami plan next.toml</code>"));
    assert!(page.contains("<code>nanami explain edge-router api-gateway tcp/443 -f next.toml</code>"));
    assert!(page.contains("DENIED    edge-router -&gt; api-gateway  tcp/443   at revision"));
    assert!(page.contains("<li>lost tcp/443, direct</li>"));
}

#[test]
fn what_a_plan_brings_is_planned_whatever_is_known_of_its_ends() {
    let (before, after) = story();
    let base = desired(&before);
    let mut observed = Observed::none().clone();
    for (id, _) in before.peers() {
        let Some(map) = base.map_for(id) else { continue };
        let report = Report { generation: Generation::new(1), digests: map.digests().to_vec(), ..Report::default() };
        observed.record(id, report, NOW).unwrap();
    }
    let plan = plan(&Base::settled(&base), &desired(&after), &observed, NOW);
    let generations = before.peers().map(|(id, _)| (id, Generation::new(1))).collect();
    let view = base.beside(&observed, NOW).with_generations(&generations);
    for (cards, planned, matching) in [
        (Cards::Peers, "link planned does gained", "link matching kept"),
        (
            Cards::Groups,
            "2 links direct: 1 planned, 1 matching; plan: 1 gained, 1 disturbed",
            "1 link via ap-south: 1 matching<",
        ),
    ] {
        let picture = view.board_of(&plan, Detail::default().by(cards)).to_svg();
        assert!(picture.contains(planned) && picture.contains(matching), "{cards:?}\n{picture}");
    }
}

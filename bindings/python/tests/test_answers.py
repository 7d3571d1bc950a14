"""Answers: typed as the schema says, frozen, readable."""

import json
from dataclasses import FrozenInstanceError, is_dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, get_args, get_type_hints

import pytest

import nanami
from nanami import _answers, _results
from nanami._decode import wire_names

from conftest import ROOT

RECORDING = ROOT / "docs" / "vectors" / "documents" / "acme.recording"
OPENED = RECORDING.with_name("opened.toml")

# What the schema calls each record; what comes with every answer, or stands for its class, is no field.
NAMES = {
    nanami.Allowed: "Why",
    nanami.Denied: "WhyNot",
    nanami.Passage: "PassageForm",
    nanami.Way: "WayForm",
    nanami.Used: "UsedForm",
    nanami.Edit: "EditForm",
    nanami.Broken: "BrokenForm",
    nanami.Gate: "GateForm",
    nanami.Step: "StepForm",
    nanami.Flow: "FlowForm",
    nanami.Ground: "GroundForm",
    nanami.Hop: "HopForm",
    nanami.Fix: "FixForm",
    nanami.Flows: "Sums",
    nanami.Outcome: "OutcomeForm",
    nanami.Crowded: "CrowdedForm",
    nanami.Toll: "TollForm",
    nanami.Altered: "DriftForm",
    nanami.Notice: "NoticeForm",
    nanami.Status: "StatusForm",
    nanami.Reachable: "ReachableForm",
    nanami.Culprit: "Comparison",
    nanami.Turn: "TurnForm",
    nanami.InUse: "InUseForm",
}
IMPLIED = {"format", "kind", "verdict"}


def records() -> list[type]:
    told = [each for module in (_results, _answers) for each in vars(module).values()]
    made = {each for each in told if isinstance(each, type) and is_dataclass(each)}
    others = {nanami.Answer, nanami.Effect, nanami.Who, nanami.Listed}
    return sorted(made - others, key=lambda each: each.__name__)


@pytest.mark.parametrize("record", records())
def test_a_record_has_the_fields_that_the_schema_publishes(record: type) -> None:
    schema = json.loads((ROOT / "docs" / "answers.schema.json").read_text())["$defs"]
    published = schema[NAMES.get(record, record.__name__)]["properties"]
    implied = IMPLIED if issubclass(record, (nanami.Answer, nanami.Culprit)) else set()
    told = set(wire_names(record).values()) - {"changes"}
    assert told == set(published) - implied - {"changes"}
    hints = get_type_hints(record)
    for field, name in wire_names(record).items():
        if name in published and "null" in str(published[name].get("type", "")):
            assert type(None) in get_args(hints[field]), f"{record.__name__}.{field} may be None"


def test_records_match_by_position_and_are_frozen(acme: nanami.Workspace) -> None:
    denied = acme.why_not("ci-runner", "db-cluster", "tcp/5432")
    assert denied is not None and acme.why("ci-runner", "db-cluster", "tcp/5432") is None
    match denied:
        case nanami.Denied(revision, nanami.Flow("ci-runner", nanami.End("peer", to), service), _, fixes, rejected):
            assert (revision, to, service) == (1, "db-cluster", "tcp/5432")
        case other:
            raise AssertionError(other)
    assert [ground.topic for ground in denied.blockers] == ["policy"]
    assert fixes[0].opens_others == 0 and not fixes[0].breaks and rejected[0].breaks == ("db-via-gateway",)
    with pytest.raises(FrozenInstanceError):
        denied.revision = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        denied.flow.service = "any"  # type: ignore[misc]
    assert denied == acme.why_not("ci-runner", "db-cluster", "tcp/5432")


def test_a_fix_opens_what_it_says(acme: nanami.Workspace) -> None:
    denied = acme.why_not("ci-runner", "db-cluster", "tcp/5432")
    assert denied is not None
    after = acme.apply(denied.fixes[0].changes)
    allowed = after.why("ci-runner", "db-cluster", "tcp/5432")
    assert allowed is not None and allowed.way == nanami.Way("gateway", ("us-east", "eu-west"))
    assert [hop.name for hop in allowed.hops] == ["ci-runner", "us-east", "db-cluster"]
    with_rejected = acme.what_if(denied.rejected[0].changes)
    assert not with_rejected.check().holds and not with_rejected.plan.holds


def test_a_plan_says_what_changes_and_for_whom(acme: nanami.Workspace) -> None:
    opened = nanami.Workspace.read(OPENED)
    plan = opened.plan(since=acme, by="netops")
    assert (plan.from_revision, plan.to_revision, plan.author) == (1, 2, "netops")
    assert [(edit.change, edit.kind, edit.name) for edit in plan.changes] == [
        ("add", "policy", "ci-reads-db"),
        ("remove", "policy", "ci-to-vpc"),
    ]
    gained, lost = plan.effect.gained, plan.effect.lost
    assert [(each.from_, str(each.to), each.services) for each in gained] == [("ci-runner", "db-cluster", ("tcp/5432",))]
    assert len(lost) == 1 and lost[0].policies == ("ci-to-vpc",) and lost[0].usage is None
    assert str(plan.effect) == str(opened.effect(acme)) and plan.effect == opened.effect(acme)
    assert plan.reachability.kept == 4 and plan.approvals[0].group == "platform"
    assert {step.stage for step in plan.rollout.steps} <= {"tighten", "prepare", "move", "retire", "open"}
    assert not plan.is_empty and acme.plan(since=acme).is_empty and plan.holds
    assert opened.compare(acme).changes == plan.changes and acme.compare(acme).is_empty
    assert repr(plan).startswith("<Plan: Plan p-") and "\n" not in repr(plan)


def test_what_if_is_the_plan_of_changes_that_nobody_has_made() -> None:
    running = nanami.Workspace.read(RECORDING)
    with running.draft() as draft:
        del draft.policies["ci-to-vpc"]
    what_if = running.what_if(draft.changes)
    assert what_if.recipients == ("ci-runner", "eu-west", "us-east")
    assert str(what_if) == str(what_if.plan) == str(what_if.after.plan(since=running))
    assert what_if.effect.lost.count == 1 and what_if.before is running
    lost = what_if.plan.reachability.lost[0]
    assert lost.usage == nanami.Used(None, timedelta(days=21, seconds=8)), "a recording knows what was used"
    frozen = nanami.Assertion("frozen", nanami.NeverTouches("build"))
    judged = what_if.check([frozen, nanami.Assertion("small", nanami.RemovesAtMost(0))])
    assert [broken.assertion for broken in judged.broken] == ["frozen", "small"] and judged.total == 5


def test_a_recording_says_who_is_behind_and_since_when() -> None:
    running = nanami.Workspace.read(RECORDING)
    assert running.recorded_at == datetime(2026, 11, 24, 18, 34, 35, tzinfo=timezone.utc)
    overview = running.status()
    assert overview.at == running.recorded_at
    states = {status.name: status.state for status in overview.peers}
    assert (states["db-cluster"], states["eu-west"], states["k8s-ingress"]) == ("behind", "altered", "unknown")
    behind = next(status for status in overview.peers if status.state == "behind")
    assert (behind.desired, behind.applied) == (41, 39) and behind.reported is not None
    altered = next(status for status in overview.peers if status.state == "altered")
    assert altered.altered and altered.altered_since is not None


def test_reach_and_impact_are_about_what_was_asked(acme: nanami.Workspace) -> None:
    assert acme.reach(to="db-cluster").who == nanami.Who("to", "db-cluster")
    assert acme.reach(from_="edge-router").who == nanami.Who("from", "edge-router")
    assert acme.reach(user="data-dev").who == nanami.Who("user", "data-dev")
    for wrong in ({}, {"to": "db-cluster", "user": "netops"}):
        with pytest.raises(TypeError):
            acme.reach(**wrong)
    impact = acme.impact("us-east", regions=["eu-west"])
    assert impact.flows.lost == 1
    lost = next(outcome for outcome in impact.outcomes if outcome.fate == "lost")
    assert (str(lost.to), list(lost.from_), lost.by) == ("vpc", ["ci-runner"], None)
    with pytest.raises(nanami.ValueRefused, match="nothing was named"):
        acme.impact()
    with pytest.raises(TypeError, match="a list of names"):
        acme.impact(regions="eu-west")


def test_notebooks_show_pictures(acme: nanami.Workspace) -> None:
    plan = acme.plan()
    html = plan._repr_html_()
    assert html.startswith("<svg") and "ci-runner -&gt; vpc" in html
    assert acme._repr_svg_() == acme.board().to_svg()
    assert acme.check()._repr_html_().startswith("<pre>")


def test_a_list_that_was_cut_says_so() -> None:
    cut: nanami.Listed[str] = nanami.Listed(3, ("a", "b"))
    seen = []
    with pytest.raises(nanami.ListCut, match="3 entries") as caught:
        for each in cut:
            seen.append(each)
    assert seen == ["a", "b"] and len(cut) == 3 and caught.value.remedy
    assert list(nanami.Listed(1, ("a",))) == ["a"] and not nanami.Listed[Any](0, ())


def test_exports_say_why_there_is_none(acme: nanami.Workspace) -> None:
    with pytest.raises(nanami.NoExport, match="is managed") as managed:
        acme.export("ci-runner")
    assert managed.value.code == "export.managed" and "limited" in managed.value.remedy
    phone = nanami.Workspace.read(OPENED.with_name("phone.toml"))
    assert "[Interface]" in phone.export("phone") and "PrivateKey" not in phone.export("phone").replace("# PrivateKey", "")
    with pytest.raises(nanami.ValueRefused, match="endpoint"):
        phone.export("phone", endpoint="nowhere")

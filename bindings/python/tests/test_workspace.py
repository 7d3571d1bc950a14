"""Workspaces: read, built, changed."""

from dataclasses import FrozenInstanceError, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

import nanami
from nanami import Assertion, Gateway, Group, Network, OnlyViaGateway, Peer, Policy, Route, SurvivesLossOf, User

from conftest import ACME


def test_acme_is_what_its_document_says(acme: nanami.Workspace) -> None:
    assert (acme.name, acme.revision, acme.recorded_at) == ("acme", 1, None)
    assert (len(acme.peers), len(acme.gateways), len(acme.policies)) == (5, 3, 5)
    assert acme.regions == ("ap-south", "eu-west", "us-east")
    assert acme.networks["prod"].pools == (ip_network("10.42.0.0/16"), ip_network("fd42::/48"))
    assert acme.peers["ci-runner"].addresses == (ip_address("10.43.0.1"), ip_address("fd43::1"))
    assert acme.routes["exit"].exit and acme.routes["vpc"].prefix == ip_network("10.60.0.0/16")
    assert acme.users["platform-lead"].roles == {"platform": "admin"}
    match acme.assertions["vpc-redundant"]:
        case Assertion("vpc-redundant", SurvivesLossOf(route, gateways)):
            assert (route, gateways) == ("vpc", 1)
        case other:
            raise AssertionError(other)


def test_every_form_of_a_document_says_the_same(acme: nanami.Workspace) -> None:
    again = [
        nanami.Workspace.from_toml(acme.to_toml()),
        nanami.Workspace.from_json(acme.to_json()),
        nanami.Workspace.from_dict(acme.to_dict()),
    ]
    assert all(len(acme.changes_to(other)) == 0 for other in again)


def test_every_entity_goes_into_a_document_as_it_came_out(acme: nanami.Workspace) -> None:
    draft = acme.draft()
    draft.put(*draft.users.values(), *draft.groups.values(), *draft.networks.values(), *draft.gateways.values())
    draft.put(*draft.peers.values(), *draft.routes.values(), *draft.policies.values(), *draft.assertions.values())
    assert draft._document == acme._document and len(draft.changes) == 0


def test_acme_can_be_built_in_code(acme: nanami.Workspace) -> None:
    empty = nanami.Workspace("acme", owner="netops")
    with empty.draft() as draft:
        draft.add(User("platform-lead", roles={"platform": "admin"}), User("data-dev", roles={"data": "member"}))
        draft.add(User("auditor", role="viewer"))
        draft.add(*map(Group, ["platform", "data", "delivery"]))
        prod = [ip_network("10.42.0.0/16"), ip_network("fd42::/48")]
        build = [ip_network("10.43.0.0/16"), ip_network("fd43::/48")]
        draft.add(Network("prod", "platform", prod), Network("build", "delivery", build))
        for name in ("us-east", "eu-west", "ap-south"):
            draft.add(Gateway(name, region=name, groups=["platform"], networks=["prod"]))
        for name in ("api-gateway", "k8s-ingress", "edge-router"):
            draft.add(Peer(name, groups=["platform"], networks=["prod"]))
        draft.add(Peer("db-cluster", groups=["data"], networks=["prod"]))
        draft.add(Peer("ci-runner", groups=["delivery"], networks=["build"]))
        vpc = Route("vpc", "prod", ["us-east", "eu-west"], prefix=ip_network("10.60.0.0/16"))
        draft.add(replace(vpc, redundancy=2, return_path="declared"), Route("exit", "prod", ["ap-south"], exit=True))
        draft.add(Policy("ci-deploys", "ci-runner", "k8s-ingress", allow=["tcp/6443"]))
        draft.add(Policy("api-to-db", "api-gateway", "db-cluster", allow=["tcp/5432"]))
        draft.add(Policy("edge-to-api", "edge-router", "api-gateway", allow=["tcp/443"]))
        draft.add(Policy("edge-exit", "edge-router", "route:exit", allow=["any"]))
        draft.add(Policy("ci-to-vpc", "ci-runner", "vpc", allow=["tcp/443"]))
        draft.add(Assertion("db-via-gateway", OnlyViaGateway("build", "db-cluster")))
        draft.add(Assertion("deploys-survive", nanami.MustReach("ci-runner", "k8s-ingress", "tcp/6443")))
        draft.add(Assertion("vpc-redundant", SurvivesLossOf("vpc", 1)))
    built = empty.apply(draft.changes)
    assert list(built.changes_to(acme)) == []
    assert built.to_toml() == acme.to_toml()


def test_a_draft_edits_replaces_and_removes(acme: nanami.Workspace) -> None:
    with acme.draft() as draft:
        draft.update(draft.gateways["us-east"], activity="draining")
        draft.put(replace(draft.policies["api-to-db"], allow=["tcp/5432", "icmp"]))
        draft.remove(draft.assertions["deploys-survive"])
        del draft.policies["ci-to-vpc"]
        draft.peers["db-replica"] = Peer("db-replica", groups=["data"], networks=["prod"])
        draft.routing = nanami.Routing(peers={"edge-router": nanami.Preference(traffic="full_tunnel")})
    assert len(draft.changes) == 6 and "removes policy ci-to-vpc" in draft.changes.sentences
    after = acme.apply(draft.changes.with_reason("window of Friday"), by="netops")
    assert (after.revision, acme.revision) == (2, 1)
    assert after.gateways["us-east"].activity == "draining" and "ci-to-vpc" not in after.policies
    assert after.routing.peers == {"edge-router": nanami.Preference(traffic="full_tunnel")}
    assert "ci-to-vpc" in acme.policies, "a workspace is a value"


def test_a_rename_keeps_who_it_is(acme: nanami.Workspace) -> None:
    with acme.draft() as draft:
        db = draft.peers.pop("db-cluster")
        draft.add(replace(db, name="db-main", renamed_from="db-cluster"))
        draft.update(draft.policies["api-to-db"], to="db-main")
        draft.update(draft.assertions["db-via-gateway"], rule=OnlyViaGateway("build", "db-main"))
    after = acme.apply(draft.changes)
    assert not after.effect(acme).lost and after.peers["db-main"].addresses == db.addresses


def test_a_draft_takes_only_what_fits(acme: nanami.Workspace) -> None:
    draft = acme.draft()
    with pytest.raises(ValueError, match="is there already"):
        draft.add(Peer("ci-runner"))
    with pytest.raises(ValueError, match="cannot stand under the name"):
        draft.peers["a"] = Peer("b")
    with pytest.raises(TypeError, match="hold Peer, not Group"):
        draft.peers["a"] = Group("a")  # type: ignore[assignment]
    with pytest.raises(TypeError, match="is a list, not 'data'"):
        Peer("a", groups="data")
    with pytest.raises(FrozenInstanceError):
        acme.peers["ci-runner"].name = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="has host bits set"):
        Network("n", "data", ["10.0.0.1/8"])  # type: ignore[list-item]


def test_a_file_is_read_by_what_it_is(tmp_path: Path, acme: nanami.Workspace) -> None:
    for name, text in {"a.toml": acme.to_toml(), "a.json": acme.to_json(), "a": acme.to_json(), "b": acme.to_toml()}.items():
        (tmp_path / name).write_text(text)
        assert nanami.Workspace.read(tmp_path / name).name == "acme"
        assert nanami.Workspace.read(str(tmp_path / name)).name == "acme"
    with pytest.raises(FileNotFoundError):
        nanami.Workspace.read(tmp_path / "nobody.toml")
    (tmp_path / "latin.toml").write_bytes(b"[workspace]\nname = \"\xe9\"\n")
    with pytest.raises(nanami.DocumentErrors, match="no UTF-8") as caught:
        nanami.Workspace.read(tmp_path / "latin.toml")
    assert str(caught.value.errors[0].place) == f"{tmp_path / 'latin.toml'}:2:9"


def test_handles_say_what_they_are(acme: nanami.Workspace) -> None:
    assert repr(acme) == "<Workspace acme, revision 1>"
    assert str(acme) == acme.to_toml() and ACME.exists()
    assert repr(acme.groups) == "<groups: data, delivery, platform>"
    assert repr(acme.board()) == "<Board: acme with 8 peers>"
    assert acme.board().to_svg().startswith("<svg") and acme.board()._repr_svg_() == acme.board().to_svg()
    assert "<html" in acme.board().to_html()
    for made in (nanami.ChangeSet, nanami.Board):
        with pytest.raises(TypeError):
            made()


def test_an_object_goes_with_all_that_cannot_be_without_it(acme: nanami.Workspace) -> None:
    with acme.draft() as draft:
        draft.add(nanami.Peer("db-replica", groups=["data"], networks=["prod"]))
        others = draft.remove_with_dependents(draft.peers["ci-runner"])
    assert sorted(others) == ["assertion deploys-survive", "policy ci-deploys", "policy ci-to-vpc"]
    after = acme.apply(draft.changes)
    assert "ci-runner" not in after.peers and "db-replica" in after.peers
    assert set(acme.policies) - set(after.policies) == {"ci-deploys", "ci-to-vpc"}
    with acme.draft() as draft:
        draft.remove_with_dependents(draft.gateways["us-east"])
    after = acme.apply(draft.changes)
    assert "us-east" not in after.gateways and "us-east" not in after.peers
    assert after.routes["vpc"].gateways == ("eu-west",), "what can do without it stays"
    with pytest.raises(nanami.UnknownName, match="did you mean ci-runner"):
        acme.draft().remove_with_dependents(nanami.Peer("ci-runer"))


def test_a_plan_lies_over_the_board(acme: nanami.Workspace) -> None:
    with acme.draft() as draft:
        del draft.policies["ci-to-vpc"]
    after = acme.apply(draft.changes)
    board, plan = acme.board(plan=after), after.plan(since=acme)
    assert repr(board) == "<Board: acme with 8 peers, under a plan>"
    assert f"plan {plan.id[:6]} from revision 1, not applied: 0 gained, 1 lost, 0 rerouted, 0 disturbed" in board.to_svg()
    assert "plan: lost tcp/443" in board.to_html() and "does lost" not in after.board().to_svg()
    assert "does lost" in plan._repr_html_(), "a notebook shows the plan over the board"

"""What a workspace consists of, as a document writes it: one frozen record per entry.

What is required comes first, what has a default is left out of the document. References are names, as everywhere in a document.
Lists may be given as any sequence, addresses and ranges as text; they are kept as tuples of ``ipaddress`` objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ._decode import Address, Range

Role = Literal["owner", "admin", "member", "viewer"]
Standing = Literal["active", "suspended", "expired"]
Os = Literal["android", "freebsd", "ios", "linux", "macos", "windows"]


class Entity:
    """What stands in a section of the document under its name."""

    __slots__ = ()
    SECTION: ClassVar[str]
    name: str

    def __post_init__(self) -> None:
        from ._document import settle

        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Entity):
    """A person: a role in the workspace, roles on single groups, and the groups that they belong to."""

    SECTION: ClassVar[str] = "users"
    name: str = field(kw_only=False)
    role: Role | None = None
    roles: Mapping[str, Role] | None = None
    groups: Sequence[str] = ()
    identities: Sequence[str] = ()
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Entity):
    """Users and peers that belong together; it owns networks. The members of ``groups`` are its members."""

    SECTION: ClassVar[str] = "groups"
    name: str = field(kw_only=False)
    groups: Sequence[str] = ()
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Entity):
    """Address pools that do not overlap, and the group that owns them."""

    SECTION: ClassVar[str] = "networks"
    name: str = field(kw_only=False)
    owner: str = field(kw_only=False)
    pools: Sequence[Range] = field(kw_only=False)
    lifecycle: Literal["active", "suspended", "retired"] = "active"
    dns_suffix: str | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a peer's machine."""

    os: Os | None = None
    os_version: str | None = None
    agent_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Entity):
    """A machine. Without a key it is pending, until a node joins and brings its own."""

    SECTION: ClassVar[str] = "peers"
    name: str = field(kw_only=False)
    groups: Sequence[str] = ()
    networks: Sequence[str] = ()
    key: str | None = None
    """The public key, as ``wg`` prints it."""
    addresses: Sequence[Address] = ()
    owner: str | None = None
    standing: Standing = "active"
    ephemeral: bool = False
    mode: Literal["managed", "limited"] = "managed"
    """``limited``: a plain WireGuard device, for which its ``gateway`` enforces everything."""
    gateway: str | None = None
    facts: Facts | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway(Entity):
    """A peer that forwards plaintext for routes behind it. It is declared here alone, unless ``peer`` names another peer."""

    SECTION: ClassVar[str] = "gateways"
    name: str = field(kw_only=False)
    region: str = field(kw_only=False)
    peer: str | None = None
    groups: Sequence[str] = ()
    networks: Sequence[str] = ()
    key: str | None = None
    addresses: Sequence[Address] = ()
    owner: str | None = None
    standing: Standing = "active"
    ephemeral: bool = False
    facts: Facts | None = None
    duties: Sequence[Literal["ingress", "egress", "transit"]] = ()
    """Empty means all."""
    capacity: int | None = None
    activity: Literal["active", "draining", "disabled"] = "active"
    serves: Sequence[str] = ()
    """The networks that it serves; empty means all."""
    host: str | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class InRegion:
    """All gateways of these regions, the preferred one first."""

    in_region: Sequence[str]

    def __post_init__(self) -> None:
        from ._document import settle

        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Entity):
    """A range behind gateways, or with ``exit`` everything else. It has a ``prefix`` or is an exit."""

    SECTION: ClassVar[str] = "routes"
    name: str = field(kw_only=False)
    network: str = field(kw_only=False)
    gateways: Sequence[str] | InRegion = field(kw_only=False)
    prefix: Range | None = None
    exit: bool = False
    mode: Literal["primary", "balanced", "pinned", "nearest"] = "primary"
    redundancy: int = 1
    snat: bool = False
    return_path: Literal["declared"] | None = None
    on_all_down: Literal["hold", "fall_back", "drop"] = "hold"
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be known of a peer for a policy to count."""

    os: Sequence[Os] = ()
    min_os_version: str | None = None
    min_agent_version: str | None = None

    def __post_init__(self) -> None:
        from ._document import settle

        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Entity):
    """Who may reach what, by which services. It has an ``allow`` or a ``deny``; deny wins, order means nothing."""

    SECTION: ClassVar[str] = "policies"
    name: str = field(kw_only=False)
    from_: str = field(kw_only=False)
    to: str = field(kw_only=False)
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    both_ways: bool = False
    via: Sequence[str] = ()
    when: Condition | None = None
    reason: str | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinKey(Entity):
    """What turns a key pair into a peer: bounded uses and life. Its secret is in no document."""

    SECTION: ClassVar[str] = "join_keys"
    name: str = field(kw_only=False)
    uses: int | Literal["one_off", "reusable"] = "one_off"
    peer: str | None = None
    groups: Sequence[str] = ()
    networks: Sequence[str] = ()
    expires: str | None = None
    """An instant such as ``2027-01-31T12:00:00Z``."""
    ephemeral: bool = False
    admission: Literal["pre_approved", "held"] = "pre_approved"
    revoked: bool = False
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class MustReach:
    """A side reaches another on a service."""

    from_: str
    to: str
    service: str


@dataclass(frozen=True, slots=True)
class MustNotReach:
    """A side does not reach another on a service."""

    from_: str
    to: str
    service: str


@dataclass(frozen=True, slots=True)
class OnlyViaGateway:
    """A side reaches another by a gateway or not at all."""

    from_: str
    to: str


@dataclass(frozen=True, slots=True)
class SurvivesLossOf:
    """A route still works without so many of its gateways, whichever."""

    route: str
    gateways: int


@dataclass(frozen=True, slots=True)
class RemovesAtMost:
    """No change takes away more than so many reachabilities."""

    reachabilities: int


@dataclass(frozen=True, slots=True)
class NeverTouches:
    """No change touches the reach of this network, group or peer."""

    what: str


Rule = MustReach | MustNotReach | OnlyViaGateway | SurvivesLossOf | RemovesAtMost | NeverTouches


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion(Entity):
    """A rule that is checked on every change and on every stage of every rollout."""

    SECTION: ClassVar[str] = "assertions"
    name: str = field(kw_only=False)
    rule: Rule = field(kw_only=False)
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """Path intent of one layer; ``None`` leaves it to the layer below."""

    traffic: Literal["vpn_only", "full_tunnel"] | None = None
    mode: Literal["auto", "manual"] | None = None
    ingress: str | None = None
    egress: str | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """The four layers of path intent, the most specific wins: peers, users, networks, default."""

    default: Preference | None = None
    networks: Mapping[str, Preference] | None = None
    users: Mapping[str, Preference] | None = None
    peers: Mapping[str, Preference] | None = None


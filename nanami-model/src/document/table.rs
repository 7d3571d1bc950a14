//! Every field of a document, in one table: what the structure is checked against, and what the JSON Schema is made of.
//!
//! **Invariant**: a field that is not here is unknown. Fields stand in the order in which they are written.

use super::instant::Instant;
use super::shape::{Choice, Exclusion, Field, PLAIN, Record, Shape, Text};
use super::value::{Address, Declared, Everything, IssuerOrSubject, ModeWord, RoutingWord, UsesWord};
use crate::cidr::Cidr;
use crate::entity::{Activity, Admission, DnsSuffix, Duty, Lifecycle, OnAllDown, Os, Role, RouteMode, Standing};
use crate::entity::{TrafficMode, Version};
use crate::key::PublicKey;
use crate::name::Name;
use crate::service::Service;

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, need: None, about }
}

const fn needed(name: &'static str, shape: Shape, example: &'static str, about: &'static str) -> Field {
    Field { name, shape, need: Some(example), about }
}

const fn list(of: &'static Shape) -> Shape {
    Shape::List { of, least: 0, most: usize::MAX }
}

const fn filled(of: &'static Shape) -> Shape {
    Shape::List { of, least: 1, most: usize::MAX }
}

const fn entries(of: &'static Shape) -> Shape {
    Shape::Entries { keys: Some(Text::of::<Name>()), of }
}

const REFERENCES: Shape = list(&Shape::Reference);
const FILLED_REFERENCES: Shape = filled(&Shape::Reference);
const NAME: Shape = Shape::Text(Text::of::<Name>());
const RENAMED: Field =
    field("renamed_from", NAME, "The name that it had so far: it keeps its identity under the new one.");
const NOTHING_ENFORCES: &str = "remove it; nothing would enforce it";
const PRIVATE_KEYS: &[(&str, &str, &str)] = &[
    (
        "private_key",
        "private keys",
        "remove it, and make a new key pair on the machine: who read the document knows this one",
    ),
    ("preshared_key", "preshared keys", "remove it: who read the document knows it"),
];

/// The whole document.
pub(super) const DOCUMENT: Shape = Shape::Record(&Record {
    what: "a workspace",
    about: "A Nanami workspace: what people want of it. Names are identity.",
    fields: &[
        field("$schema", Shape::Prose, "Where editors find this schema."),
        needed("workspace", Shape::Record(&WORKSPACE), "[workspace] with name = \"…\"", WORKSPACE.about),
        field("users", entries(&Shape::Record(&USER)), "People, by name."),
        field("groups", entries(&Shape::Record(&GROUP)), "Who belongs together, and who owns networks."),
        field("networks", entries(&Shape::Record(&NETWORK)), "Overlay address pools, and who owns them."),
        field(
            "regions",
            entries(&Shape::Record(&REGION)),
            "Where gateways stand; those that gateways name need no entry.",
        ),
        field("gateways", entries(&Shape::Record(&GATEWAY)), "Peers that forward; each is declared once, here."),
        field("peers", entries(&Shape::Record(&PEER)), "Key pairs, each on one machine, that forward nothing."),
        field("routes", entries(&Shape::Record(&ROUTE)), "What is reachable behind gateways."),
        field("policies", entries(&Shape::Record(&POLICY)), "Who may reach what; everything else is denied."),
        field(
            "join_keys",
            entries(&Shape::Record(&JOIN_KEY)),
            "Permissions to join. Their secrets are in no document.",
        ),
        field("assertions", entries(&Shape::Record(&ASSERTION)), "What must hold of every plan."),
        field("routing", Shape::Record(&ROUTING), ROUTING.about),
    ],
    later: &[
        ("dns", "remove it; a network has a dns_suffix, records are made of names"),
        ("relays", NOTHING_ENFORCES),
        ("windows", NOTHING_ENFORCES),
    ],
    never: &[("sessions", "sessions", "remove it; they are what happens, not what is wanted")],
    ..PLAIN
});

const WORKSPACE: Record = Record {
    what: "the workspace",
    about: "The tenant; nothing crosses it.",
    fields: &[
        needed("name", NAME, "name = \"acme\"", "Its name, which never changes."),
        field(
            "revoked_keys",
            list(&Shape::Text(Text::of::<PublicKey>())),
            "Keys of lost devices, which never enter again.",
        ),
    ],
    ..PLAIN
};

const USER: Record = Record {
    what: "a user",
    about: "A person, with a role on the workspace and further roles on single groups, which add to it.",
    fields: &[
        field("role", Shape::Text(Text::of::<Role>()), "The role on the whole workspace."),
        field(
            "roles",
            Shape::Entries { keys: None, of: &Shape::Text(Text::of::<Role>()) },
            "Roles on single groups, by group, added to the role on the workspace.",
        ),
        field("groups", REFERENCES, "Groups whose member the user is, with every peer that the user owns."),
        field("identities", list(&Shape::Record(&IDENTITY)), "By what identity providers know the user."),
        RENAMED,
    ],
    later: &[("email", NOTHING_ENFORCES), ("expires", NOTHING_ENFORCES)],
    ..PLAIN
};

const IDENTITY: Record = Record {
    what: "an identity",
    about: "Who somebody is to an identity provider (OpenID Connect).",
    fields: &[
        needed("issuer", PART, "issuer = \"https://login.example.com\"", "The provider."),
        needed("subject", PART, "subject = \"248289761001\"", "Whom the provider means."),
    ],
    ..PLAIN
};
const PART: Shape = Shape::Text(Text::of::<IssuerOrSubject>());

const GROUP: Record = Record {
    what: "a group",
    about: "A named set of users and peers that policies speak about, and the owner of networks.",
    fields: &[field("groups", REFERENCES, "Groups whose members are its members too."), RENAMED],
    later: &[("delegates", "remove it; give users a role on the group")],
    ..PLAIN
};

const NETWORK: Record = Record {
    what: "a network",
    about: "Pools of overlay addresses; each peer gets one of each.",
    fields: &[
        needed("owner", Shape::Reference, "owner = \"GROUP\"", "The group that approves what changes who reaches it."),
        needed(
            "pools",
            Shape::List { of: &Shape::Text(Text::of::<Cidr>()), least: 1, most: MOST_POOLS },
            "pools = [\"10.42.0.0/16\", \"fd42::/48\"]",
            "Ranges of addresses, disjoint from all others of the workspace.",
        ),
        field(
            "lifecycle",
            Shape::Text(Text::of::<Lifecycle>()),
            "Whether it is in use; active unless it says otherwise.",
        ),
        field("dns_suffix", Shape::Text(Text::of::<DnsSuffix>()), "Under which its peers are to be found by name."),
        RENAMED,
    ],
    later: &[
        ("dns", "remove it; a network has a dns_suffix, records are made of names"),
        ("translate", "remove it, and give the networks pools that do not overlap"),
    ],
    ..PLAIN
};

/// chosen: each peer gets an address of each pool, so that pools times peers must stay in proportion to the document.
const MOST_POOLS: usize = 16;

const REGION: Record = Record {
    what: "a region",
    about: "A place whose gateways fail together and are near to each other.",
    fields: &[RENAMED],
    ..PLAIN
};

const GROUPS: Field = field("groups", REFERENCES, "The groups that it is a member of.");
const NETWORKS: Field = field("networks", REFERENCES, "The networks that it has addresses in.");
const KEY: Field = field("key", Shape::Text(Text::of::<PublicKey>()), "Its public key; without one it is pending.");
const ADDRESSES: Field = field(
    "addresses",
    filled(&Shape::Text(Text::of::<Address>())),
    "Addresses of its own; the others are given to it.",
);
const OWNER: Field = field("owner", Shape::Reference, "The user whose machine it is.");
const STANDING: Field = field(
    "standing",
    Shape::Text(Text::of::<Standing>()),
    "Whether it may take part; active unless it says otherwise.",
);
const EPHEMERAL: Field = field("ephemeral", Shape::Flag, "Whether it goes when its session ends.");
const FACTS: Field =
    field("facts", Shape::Record(&FACTS_RECORD), "What its agent reported; reading a document never changes that.");

const FACTS_RECORD: Record = Record {
    what: "facts",
    about: "What is known of a machine.",
    fields: &[
        field("os", Shape::Text(Text::of::<Os>()), "The operating system."),
        field("os_version", Shape::Text(Text::of::<Version>()), "Its version."),
        field("agent_version", Shape::Text(Text::of::<Version>()), "The version of the agent."),
    ],
    ..PLAIN
};

const GATEWAY: Record = Record {
    what: "a gateway",
    about: "The role of a peer that forwards plaintext for routes behind it. It declares its peer too, unless it names one.",
    fields: &[
        needed("region", Shape::Reference, "region = \"us-east\"", "Where it stands."),
        field("peer", Shape::Reference, "The peer that bears the role, if it has another name or an entry of its own."),
        GROUPS,
        NETWORKS,
        KEY,
        ADDRESSES,
        OWNER,
        STANDING,
        EPHEMERAL,
        FACTS,
        field(
            "duties",
            Shape::List { of: &Shape::Text(Text::of::<Duty>()), least: 1, most: usize::MAX },
            "What it does for its networks; everything unless it says otherwise.",
        ),
        field("capacity", Shape::Number { least: 1, most: u32::MAX as u64 }, "How many clients it takes."),
        field(
            "activity",
            Shape::Text(Text::of::<Activity>()),
            "Whether it takes traffic; active unless it says otherwise.",
        ),
        field(
            "serves",
            FILLED_REFERENCES,
            "Which of its peer's networks it serves; all of them unless it says otherwise.",
        ),
        field("host", NAME, "What it runs on: gateways on one host fail together."),
        RENAMED,
    ],
    later: &[("weight", "remove it; give it a capacity"), ("expires", NOTHING_ENFORCES)],
    never: PRIVATE_KEYS,
    exclusions: &[Exclusion {
        field: "peer",
        others: &["groups", "networks", "key", "addresses", "owner", "standing", "ephemeral", "facts"],
        why: "what the peer is stands in the entry of the peer that is named",
        remedy: "move it there, or leave out peer",
    }],
    ..PLAIN
};

const PEER: Record = Record {
    what: "a peer",
    about: "One key pair on one machine.",
    fields: &[
        GROUPS,
        NETWORKS,
        KEY,
        ADDRESSES,
        OWNER,
        STANDING,
        EPHEMERAL,
        field("mode", Shape::Text(Text::of::<ModeWord>()), "What runs on it: an agent, or, limited, plain WireGuard."),
        field("gateway", Shape::Reference, "The gateway that enforces everything for a limited peer."),
        FACTS,
        RENAMED,
    ],
    later: &[("expires", NOTHING_ENFORCES), ("dns", NOTHING_ENFORCES), ("tags", "remove it; name groups")],
    never: PRIVATE_KEYS,
    ..PLAIN
};

const ROUTE: Record = Record {
    what: "a route",
    about: "A range that is reachable behind gateways.",
    fields: &[
        needed("network", Shape::Reference, "network = \"NETWORK\"", "The network whose gateways it uses."),
        field("prefix", Shape::Text(Text::of::<Cidr>()), "What is reachable."),
        field("exit", Shape::True, "Everything is reachable that is no overlay address."),
        needed("gateways", GATEWAYS, "gateways = [\"GATEWAY\"]", "Behind which gateways; the preferred one first."),
        field(
            "mode",
            Shape::Text(Text::of::<RouteMode>()),
            "Which gateway serves whom; primary unless it says otherwise.",
        ),
        field("redundancy", Shape::Number { least: 1, most: 255 }, "How many gateways each client is prepared for."),
        field("snat", Shape::Flag, "Whether the gateway puts its own address in the place of the client's."),
        field(
            "return_path",
            Shape::Text(Text::of::<Declared>()),
            "That what is behind sends answers back the same way.",
        ),
        field("on_all_down", Shape::Text(Text::of::<OnAllDown>()), "What becomes of packets while no gateway serves."),
        RENAMED,
    ],
    later: &[
        ("lifecycle", NOTHING_ENFORCES),
        ("metric", "remove it; the order of the gateways says which is preferred"),
        ("dns", NOTHING_ENFORCES),
        ("translate", "remove it; prefixes are carried as they are"),
    ],
    choices: &[Choice {
        of: &["exit", "prefix"],
        field: "prefix, or exit = true",
        example: "prefix = \"10.60.0.0/16\"",
        why: "an exit leads everywhere, so that it has no prefix",
        remedy: "leave out prefix, or exit",
    }],
    ..PLAIN
};

const GATEWAYS: Shape = Shape::Either {
    wanted: "a list of gateways, { in_region = […] } or \"all\"",
    of: &[FILLED_REFERENCES, Shape::Record(&IN_REGION), Shape::Text(Text::of::<Everything>())],
};

const IN_REGION: Record = Record {
    what: "a selection of gateways",
    about: "All gateways of these regions.",
    fields: &[needed(
        "in_region",
        FILLED_REFERENCES,
        "in_region = [\"REGION\"]",
        "The regions, the preferred one first.",
    )],
    ..PLAIN
};

const SERVICES: Shape = filled(&Shape::Text(Text::of::<Service>()));
const FROM: Field = needed("from", Shape::Reference, "from = \"NAME\"", "Who begins: a group, a network or a peer.");
const TO: Field =
    needed("to", Shape::Reference, "to = \"NAME\"", "What is reached: a group, a network, a route or a peer.");

const POLICY: Record = Record {
    what: "a policy",
    about: "One statement about who may reach what. A deny wins over every allow; order means nothing.",
    fields: &[
        FROM,
        TO,
        field("allow", SERVICES, "The services that may be reached."),
        field("deny", SERVICES, "The services that may not be reached, whatever allows them."),
        field("both_ways", Shape::Flag, "Whether either side may begin."),
        field("via", FILLED_REFERENCES, "Gateways on the way, the preferred one first."),
        field("when", Shape::Record(&CONDITIONS), CONDITIONS.about),
        field("reason", Shape::Prose, "Why, for whoever reads an explanation."),
        RENAMED,
    ],
    later: &[
        ("expires", NOTHING_ENFORCES),
        ("window", "remove it; nothing would enforce it. Add and remove the policy when it is time"),
        ("log", NOTHING_ENFORCES),
    ],
    choices: &[Choice {
        of: &["allow", "deny"],
        field: "allow or deny",
        example: "allow = [\"tcp/443\"]",
        why: "a policy allows or denies, not both",
        remedy: "make two policies of it",
    }],
    ..PLAIN
};

const CONDITIONS: Record = Record {
    what: "a condition",
    about: "What must be known of whoever begins, for the policy to count for them.",
    fields: &[
        field("os", filled(&Shape::Text(Text::of::<Os>())), "One of these operating systems."),
        field("min_os_version", Shape::Text(Text::of::<Version>()), "At least this version of the operating system."),
        field("min_agent_version", Shape::Text(Text::of::<Version>()), "At least this version of the agent."),
    ],
    later: &[
        ("hours", "remove it; nothing would enforce it. Add and remove the policy when it is time"),
        ("window", "remove it; nothing would enforce it. Add and remove the policy when it is time"),
    ],
    ..PLAIN
};

const JOIN_KEY: Record = Record {
    what: "a join key",
    about: "A permission to join. Its secret is made apart and shown once; a document neither has it nor its hash.",
    fields: &[
        field(
            "uses",
            Shape::Either {
                wanted: "a number from 1 on, \"one_off\" or \"reusable\"",
                of: &[Shape::Number { least: 1, most: u32::MAX as u64 }, Shape::Text(Text::of::<UsesWord>())],
            },
            "How often it lets somebody in: once unless it says otherwise.",
        ),
        field("peer", Shape::Reference, "The pending peer that it fills."),
        field("groups", REFERENCES, "The groups of whoever joins with it."),
        field("networks", REFERENCES, "The networks of whoever joins with it."),
        field("expires", Shape::Text(Text::of::<Instant>()), "When it ends, such as 2026-12-01T00:00:00Z."),
        field("ephemeral", Shape::Flag, "Whether who joins goes when its session ends."),
        field(
            "admission",
            Shape::Text(Text::of::<Admission>()),
            "Whether who joins takes part at once; it does by default.",
        ),
        field("revoked", Shape::Flag, "Whether it was taken back."),
        RENAMED,
    ],
    never: &[
        ("secret", "secrets", "remove it, and make a new key: who read the document knows the secret"),
        ("hash", "the hash of a secret", "remove it; a live workspace keeps the hashes of its keys"),
    ],
    ..PLAIN
};

const ASSERTION: Record = Record {
    what: "an assertion",
    about: "What must hold of every plan.",
    fields: &[
        field("must_reach", Shape::Record(&REACHES), "From must reach the service of to."),
        field("must_not_reach", Shape::Record(&REACHES), "From must not reach the service of to."),
        field("only_via_gateway", Shape::Record(&SIDES), "From reaches to only via a gateway."),
        field("survives_loss_of", Shape::Record(&SURVIVES), "A route goes on when so many of its gateways are lost."),
        field("removes_at_most", Shape::Record(&REMOVES), "A plan takes away no more than so much."),
        field("never_touches", Shape::Record(&TOUCHES), "No plan changes who reaches it."),
        RENAMED,
    ],
    later: &[("during", NOTHING_ENFORCES)],
    choices: &[Choice {
        of: &[
            "must_reach",
            "must_not_reach",
            "only_via_gateway",
            "survives_loss_of",
            "removes_at_most",
            "never_touches",
        ],
        field: "a claim",
        example: "must_reach = { from = \"NAME\", to = \"NAME\", service = \"tcp/443\" }",
        why: "an assertion makes one claim",
        remedy: "make one assertion of each claim",
    }],
    ..PLAIN
};

const REACHES: Record = Record {
    what: "the claim",
    about: "Who, what and which service.",
    fields: &[FROM, TO, needed("service", Shape::Text(Text::of::<Service>()), "service = \"tcp/443\"", "The service.")],
    ..PLAIN
};
const SIDES: Record = Record { what: "the claim", about: "Who and what.", fields: &[FROM, TO], ..PLAIN };
const SURVIVES: Record = Record {
    what: "the claim",
    about: "Which route, and how many of its gateways.",
    fields: &[
        needed("route", Shape::Reference, "route = \"ROUTE\"", "The route."),
        needed("gateways", Shape::Number { least: 1, most: 255 }, "gateways = 1", "How many gateways may be lost."),
    ],
    ..PLAIN
};
const REMOVES: Record = Record {
    what: "the claim",
    about: "How many reachabilities.",
    fields: &[needed(
        "reachabilities",
        Shape::Number { least: 0, most: u64::MAX },
        "reachabilities = 10",
        "How many pairs and services may lose reach.",
    )],
    ..PLAIN
};
const TOUCHES: Record = Record {
    what: "the claim",
    about: "What stays as it is.",
    fields: &[needed("what", Shape::Reference, "what = \"NAME\"", "A group, a network, a route or a peer.")],
    ..PLAIN
};

const ROUTING: Record = Record {
    what: "routing",
    about: "What peers prefer, in four layers; the most specific wins: peer, its owner, its network, default.",
    fields: &[
        field("default", PREFERENCE, "For everybody."),
        field("networks", PREFERENCES, "By network."),
        field("users", PREFERENCES, "By user, for the peers that the user owns."),
        field("peers", PREFERENCES, "By peer."),
    ],
    ..PLAIN
};
const PREFERENCES: Shape = Shape::Entries { keys: None, of: &PREFERENCE };
const PREFERENCE: Shape = Shape::Record(&Record {
    what: "a preference",
    about: "What one layer says; what it leaves out, the next layer says.",
    fields: &[
        field("traffic", Shape::Text(Text::of::<TrafficMode>()), "What goes through the tunnels."),
        field("mode", Shape::Text(Text::of::<RoutingWord>()), "Who chooses the gateways."),
        field("ingress", Shape::Reference, "With mode manual: the gateway by which the peer is reached."),
        field("egress", Shape::Reference, "With mode manual: the gateway by which the peer reaches routes."),
    ],
    ..PLAIN
});

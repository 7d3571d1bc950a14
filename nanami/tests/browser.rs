//! The board as a page, in a real browser: what it shows is what the command says, by mouse, by keyboard and by address.
//!
//! A probe is a script that is put into the page behind its own: it does what a person would and writes down what it finds.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

#[path = "browser/devtools.rs"]
mod devtools;
mod fleet;

use std::fs;
use std::process::Command;

use devtools::{accessibility_tree, printed};
use fleet::fleet;
use nanami::model::sample;
use serde_json::Value;
use tempfile::TempDir;

const NANAMI: &str = env!("CARGO_BIN_EXE_nanami");

/// A folder with a document and its board.
struct Desk(TempDir);

impl Desk {
    fn new(document: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::write(desk.0.path().join("nanami.toml"), document).unwrap();
        desk.nanami(&["board", "-o", "board.html"]);
        desk
    }

    /// The same with the board of a plan that leads to another document.
    fn with_plan(document: &str, next: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::write(desk.0.path().join("nanami.toml"), document).unwrap();
        fs::write(desk.0.path().join("next.toml"), next).unwrap();
        desk.nanami(&["board", "--plan", "next.toml", "-o", "board.html"]);
        desk
    }

    /// What the command prints.
    fn nanami(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(NANAMI);
        let output = command.args(arguments).current_dir(self.0.path()).env_remove("NANAMI_FILE").output().unwrap();
        // 2 says that there are changes, or no.
        let answered = matches!(output.status.code(), Some(0 | 2));
        assert!(answered, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a probe finds in the page, opened at this fragment.
    fn probe(&self, fragment: &str, script: &str) -> Value {
        let page = fs::read_to_string(self.0.path().join("board.html")).unwrap();
        let probe = format!("<script>{HELP}\nconst found = (() => {{ {script} }})();\n{WRITE}</script></body>");
        fs::write(self.0.path().join("probed.html"), page.replace("</body>", &probe)).unwrap();
        let address = format!("file://{}#{fragment}", self.0.path().join("probed.html").display());
        let profile = format!("--user-data-dir={}", self.0.path().join("profile").display());
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &profile])
            .args(["--window-size=1600,1200", "--dump-dom", &address])
            .output()
            .unwrap();
        let dom = String::from_utf8(output.stdout).unwrap();
        let Some((_, rest)) = dom.split_once("<template id=\"found\">") else {
            panic!("the probe did not end: {}\n{}", dom.len(), String::from_utf8_lossy(&output.stderr));
        };
        let text = rest.split("</template>").next().unwrap();
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
        serde_json::from_str(&text).unwrap()
    }
}

/// What probes do, in short words.
const HELP: &str = r##"
const all = (selector) => [...document.querySelectorAll(selector)];
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const shown = () => all("#explanations article").filter((article) => getComputedStyle(article).display !== "none").map((article) => ({
  title: article.querySelector("h2").textContent, text: article.querySelector("pre").textContent,
  command: article.querySelector("code")?.textContent ?? "" }));
const set = (name, value) => { const field = document.forms.filters.elements[name]; field.value = value; field.dispatchEvent(new Event("input", { bubbles: true })); };
const counts = () => document.querySelector("#filters output").value;
"##;
const WRITE: &str = r#"
const template = document.createElement("template");
template.id = "found";
template.innerHTML = JSON.stringify(found).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
document.body.append(template);
"#;

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn each_link_chosen_by_keyboard_says_exactly_what_the_command_says() {
    let desk = Desk::new(sample::ACME);
    let found = desk.probe(
        "",
        r#"return all(".link[id]").map((link) => {
            link.focus();
            const focused = document.activeElement === link;
            press("Enter");
            const said = { focused, pressed: link.getAttribute("aria-pressed"), label: link.getAttribute("aria-label"), hash: location.hash, shown: shown() };
            press("Escape");
            return { ...said, after: shown().length, back: document.activeElement === link };
        });"#,
    );
    let links = found.as_array().unwrap();
    assert_eq!(links.len(), 5);
    for link in links {
        assert_eq!((&link["focused"], &link["pressed"]), (&true.into(), &"true".into()), "{link}");
        assert_eq!((&link["after"], &link["back"]), (&0.into(), &true.into()), "{link}");
        assert!(link["label"].as_str().unwrap().contains("planned"), "a link's name says its state: {link}");
        assert!(link["hash"].as_str().unwrap().contains("focus=link."), "{link}");
        let [shown] = link["shown"].as_array().unwrap().as_slice() else { panic!("one explanation: {link}") };
        let command = shown["command"].as_str().unwrap();
        let words: Vec<_> = command.split(' ').skip(1).collect();
        assert_eq!(shown["text"].as_str().unwrap().trim_end(), desk.nanami(&words).trim_end(), "{command}");
    }
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn a_filter_dims_and_counts_and_never_removes() {
    let desk = Desk::new(sample::ACME);
    let found = desk.probe(
        "",
        r#"const elements = () => all("svg .card, svg .link, svg .tag").length;
        const look = () => ({ counts: counts(), elements: elements(), out: all("svg .card.out").length, hash: location.hash,
          stubs: all("svg .leaving .stub").filter((stub) => stub.textContent).map((stub) => stub.textContent).sort() });
        const before = look();
        set("network", "build");
        const network = look();
        set("network", ""); set("owner", "platform");
        const owner = look();
        set("owner", ""); set("text", "tcp/5432");
        const text = look();
        set("text", ""); set("path", "gateway");
        const path = look();
        set("path", ""); 
        return { before, network, owner, text, path, after: look() };"#,
    );
    assert_eq!(found["before"]["counts"], "8 of 8 peers, 5 of 5 links");
    assert_eq!(found["network"]["counts"], "1 of 8 peers, 0 of 5 links");
    assert_eq!(found["network"]["stubs"], serde_json::json!(["to k8s-ingress", "to vpc"]));
    assert_eq!(found["network"]["hash"], "#network=build");
    assert_eq!(found["owner"]["counts"], "7 of 8 peers, 3 of 5 links");
    assert_eq!(found["text"]["counts"], "2 of 8 peers, 1 of 5 links");
    assert_eq!(found["path"]["counts"].as_str().unwrap().split(", ").nth(1), Some("2 of 5 links"));
    assert_eq!(found["after"]["out"], 0);
    for step in ["network", "owner", "text", "path", "after"] {
        assert_eq!(found[step]["elements"], found["before"]["elements"], "{step}");
    }
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn a_view_can_be_sent_by_its_address() {
    let desk = Desk::new(sample::ACME);
    let found = desk.probe(
        "group=platform&focus=link.api-gateway.peer.db-cluster",
        r#"return { counts: counts(), group: document.forms.filters.elements.group.value, shown: shown().map((one) => one.title) };"#,
    );
    assert_eq!(found["group"], "platform");
    assert_eq!(found["shown"], serde_json::json!(["api-gateway \u{2192}to db-cluster"]));
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn nothing_of_two_hundred_peers_overlaps_on_the_screen() {
    let desk = Desk::new(&fleet(200));
    let found = desk.probe(
        "",
        r#"const boxes = all("svg .card > rect:not(.pile)").map((card) => card.getBoundingClientRect());
        const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        const overlaps = boxes.flatMap((a, i) => boxes.slice(0, i).filter((b) => !apart(a, b))).length;
        const wide = all("svg .card").filter((card) => {
          const box = card.querySelector("rect:not(.pile)").getBoundingClientRect();
          return [...card.querySelectorAll("text")].some((text) => text.getBoundingClientRect().right > box.right + 1);
        }).length;
        return { cards: boxes.length, overlaps, wide };"#,
    );
    assert_eq!(found, serde_json::json!({ "cards": 208, "overlaps": 0, "wide": 0 }));
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn at_ten_thousand_peers_filters_count_who_stands_behind_each_card() {
    let desk = Desk::new(&fleet(10_000));
    let found = desk.probe(
        "",
        r#"const before = counts(), cards = all("svg .card").length;
        set("text", "p-35");
        const text = counts();
        const card = document.getElementById("hub.net-1.team-7");
        const part = card.querySelector(".part").textContent, out = card.classList.contains("out");
        card.focus();
        press("Enter");
        const listed = shown();
        set("text", "team-77 in");
        const named = counts();
        set("text", ""); set("group", "team-7");
        const group = counts();
        const link = document.getElementById("bundle.hub.net-1.team-7.hub.net-1.team-8.");
        link.focus();
        press("Enter");
        return { before, cards, text, named, part, out, listed, group, bundle: shown() };"#,
    );
    assert_eq!(
        (&found["before"], &found["cards"]),
        (&"10010 of 10010 peers, 500300 of 500300 links".into(), &216.into())
    );
    // p-35, p-350 to p-359, p-3500 to p-3599.
    assert_eq!(found["text"].as_str().unwrap().split(',').next(), Some("111 of 10010 peers"));
    // The group, and the two that its links lead to and come from.
    assert_eq!(found["named"], "150 of 10010 peers, 5000 of 500300 links");
    assert_eq!((&found["part"], &found["out"]), (&"10 of 50 peers".into(), &false.into()));
    let [listed] = found["listed"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(listed["title"], "group team-7 in net-1, 50 peers: 50 planned");
    let lines: Vec<_> = listed["text"].as_str().unwrap().lines().collect();
    assert!(lines.len() == 10 && lines[0].starts_with("p-350  10.1.0."), "{lines:?}");
    assert_eq!(found["group"].as_str().unwrap().split(',').next(), Some("50 of 10010 peers"));
    let [bundle] = found["bundle"].as_array().unwrap().as_slice() else { panic!("{found}") };
    let (said, command) = (bundle["text"].as_str().unwrap(), bundle["command"].as_str().unwrap());
    let words: Vec<_> = command.split(' ').skip(1).collect();
    assert!(
        said.starts_with("group team-7 in net-1 to group team-8 in net-1, 2500 links direct: 2500 planned\n"),
        "{said}"
    );
    assert!(said.trim_end().ends_with(desk.nanami(&words).trim_end()), "{command}: {said}");
}

/// acme with a policy less and one more.
fn next() -> String {
    let read = "ci-reads = { from = \"ci-runner\", to = \"db-cluster\", allow = [\"tcp/5432\"], via = [\"us-east\"] }";
    let vpc = sample::ACME.lines().find(|line| line.starts_with("ci-to-vpc")).unwrap();
    sample::ACME.replace(vpc, read)
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn a_plan_over_the_board_says_what_the_command_says_and_can_be_filtered() {
    let desk = Desk::with_plan(sample::ACME, &next());
    let found = desk.probe(
        "",
        r##"const plan = { text: document.querySelector("#plan pre").textContent, command: document.querySelector("#plan code").textContent };
        const whole = counts();
        set("plan", "lost");
        const lost = { counts: counts(), hash: location.hash, out: all("svg .link.out").length };
        set("plan", "changes");
        const changes = counts();
        const gone = document.getElementById("link.ci-runner.route.vpc");
        gone.focus(); press("Enter");
        return { plan, whole, lost, changes, label: gone.getAttribute("aria-label"), shown: shown(),
          changed: all("article.chosen .changed li").map((item) => item.textContent) };"##,
    );
    let words = |command: &str| command.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>();
    let says = |command: &str| {
        let words = words(command);
        desk.nanami(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let command = found["plan"]["command"].as_str().unwrap();
    assert_eq!(command, "nanami plan next.toml --against nanami.toml");
    assert_eq!(found["plan"]["text"].as_str().unwrap().trim_end(), says(command).trim_end());
    assert_eq!(found["whole"], "8 of 8 peers, 5 of 5 links; 1 gained, 1 lost, 0 rerouted, 0 disturbed");
    // What is lost is no link any more; ci-runner, who had it, and the two gateways that carried it are shown.
    assert_eq!(found["lost"]["counts"], "3 of 8 peers, 0 of 5 links; 0 gained, 1 lost, 0 rerouted, 0 disturbed");
    assert_eq!((&found["lost"]["hash"], &found["lost"]["out"]), (&"#plan=lost".into(), &5.into()));
    assert_eq!(found["changes"], "4 of 8 peers, 1 of 5 links; 1 gained, 1 lost, 0 rerouted, 0 disturbed");
    assert!(found["label"].as_str().unwrap().contains("plan: lost tcp/443"), "{found}");
    assert_eq!(found["changed"], serde_json::json!(["lost tcp/443, via us-east, standby eu-west"]));
    let [shown] = found["shown"].as_array().unwrap().as_slice() else { panic!("{found}") };
    let command = shown["command"].as_str().unwrap();
    assert_eq!(command, "nanami explain ci-runner vpc tcp/443 -f next.toml");
    // The page tells the revision that the plan leads to; a document by itself is always the first.
    let said = says(command).replace("at revision 1\n", "at revision 2\n");
    assert_eq!(shown["text"].as_str().unwrap().trim_end(), said.trim_end());
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn the_accessibility_tree_names_each_link_with_its_state_and_what_a_plan_does() {
    let desk = Desk::with_plan(sample::ACME, &next());
    let tree = accessibility_tree(desk.0.path(), &desk.0.path().join("board.html"));
    let named = |role: &str| -> Vec<String> {
        let of = tree.iter().filter(|node| node["role"]["value"] == role && node["ignored"] == false);
        of.map(|node| node["name"]["value"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let buttons = named("button");
    let links: Vec<_> = buttons.iter().filter(|name| name.contains(" to ") && name.contains(", not live")).collect();
    assert_eq!(links.len(), 6, "five links, and one that goes: {buttons:#?}");
    assert!(links.iter().all(|name| name.contains(", planned, ")), "{links:#?}");
    let with = |text: &str| links.iter().filter(|name| name.contains(text)).count();
    assert_eq!((with("plan: gained tcp/5432"), with("plan: lost tcp/443"), with("plan: ")), (1, 1, 2), "{links:#?}");
    let fields = [named("searchbox"), named("combobox")].concat();
    assert_eq!(fields, ["Find", "Group", "Network", "Owner", "Path", "Status", "Plan"].map(str::to_owned));
}

#[test]
#[ignore = "needs chromium; `cargo xtask test browser` runs it"]
fn a_printed_board_is_on_the_paper_whole() {
    let desk = Desk::with_plan(sample::ACME, &next());
    let script = r##"(() => {
        const right = (selector) => Math.max(...[...document.querySelectorAll(selector)].map((part) => part.getBoundingClientRect().right));
        return { picture: right("svg.board") <= innerWidth, text: right("#plan pre") <= innerWidth, wider: document.documentElement.scrollWidth > innerWidth,
          filters: getComputedStyle(document.getElementById("filters")).display };
    })()"##;
    // A4 and Letter with ordinary margins are about 700 pixels wide.
    let found = printed(desk.0.path(), &desk.0.path().join("board.html"), 700, script);
    assert_eq!(found, serde_json::json!({ "picture": true, "text": true, "wider": false, "filters": "none" }));
}

//! The `nanami` command as people use it: answers, exit codes, errors, forms, on files alone.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nanami::model::{Observed, Timestamp, sample};
use nanami::plan::{Selection, compile};
use tempfile::TempDir;

const NANAMI: &str = env!("CARGO_BIN_EXE_nanami");

/// A folder with acme in it, and the command run there.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("nanami.toml", sample::ACME);
        desk.write("opened.toml", &opened());
        desk.write("acme.recording", &common::recording());
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        let arguments = line.split_whitespace().map(|word| word.replace('~', " "));
        Command::new(NANAMI).args(arguments).current_dir(self.0.path()).env_remove("NANAMI_FILE").output().unwrap()
    }

    /// Standard output of a run that ends with this code.
    fn says(&self, code: i32, line: &str) -> String {
        let output = self.run(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "nanami {line}\n{errors}");
        assert!(code == 1 || errors.is_empty(), "nanami {line}\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a run that fails.
    fn fails(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "nanami {line}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// acme with a policy more, and one less.
fn opened() -> String {
    let policy = "ci-reads-db = { from = \"ci-runner\", to = \"db-cluster\", allow = [\"tcp/5432\"], via = [\"us-east\", \"eu-west\"] }";
    let text = sample::ACME.replace("\n[policies] ", &format!("\n[policies]\n{policy}\n#"));
    text.lines().filter(|line| !line.starts_with("ci-to-vpc")).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_verb_ends_with_the_code_that_its_answer_has() {
    let desk = Desk::new();
    let direct = "direct = { from = \"ci-runner\", to = \"db-cluster\", allow = [\"tcp/1\"] }";
    desk.write("broken.toml", &sample::ACME.replace("\n[policies] ", &format!("\n[policies]\n{direct}\n#")));
    for (code, line) in [
        (0, "plan nanami.toml --against nanami.toml"),
        (2, "plan"),
        (2, "plan opened.toml --against nanami.toml"),
        (3, "plan broken.toml"),
        (0, "explain api-gateway db-cluster tcp/5432"),
        (2, "explain ci-runner db-cluster tcp/5432"),
        (0, "explain ci-runner db-cluster tcp/5432 --at opened.toml"),
        (2, "explain ci-runner db-cluster tcp/5432 --fix 1"),
        (0, "reach --to db-cluster"),
        (0, "reach --to 10.60.1.1"),
        (2, "reach --user data-dev"),
        (0, "reach --from ci-runner --plan opened.toml"),
        (2, "what-if --remove policies.ci-to-vpc"),
        (0, "what-if --edit workspace.name=\"acme\""),
        (0, "impact us-east"),
        (2, "impact us-east --region eu-west"),
        (2, "impact --sweep"),
        (0, "check"),
        (3, "check -f broken.toml"),
        (2, "status -f acme.recording"),
        (0, "status"),
        (2, "plan opened.toml --against acme.recording"),
        (0, "diff nanami.toml nanami.toml"),
        (2, "diff nanami.toml opened.toml"),
        (0, "bisect ci-runner db-cluster tcp/5432 nanami.toml opened.toml"),
        (2, "bisect ci-runner vpc tcp/443 nanami.toml opened.toml"),
        (0, "board -o board.svg"),
        (0, "schema"),
        (0, "completions bash"),
        (0, "man"),
        (0, "--help"),
        (0, "--version"),
        (0, "board -o board.html --plan opened.toml"),
    ] {
        assert!(!desk.says(code, line).is_empty(), "nanami {line}");
    }
    let same = desk.says(0, "plan nanami.toml --against nanami.toml");
    assert_eq!(same, "Nothing to do for acme: revision 1 is what is planned already.\n");
}

#[test]
fn what_the_command_says_is_what_the_library_says() {
    let desk = Desk::new();
    let (acme, now) = (sample::acme(), Timestamp::from_millis(0));
    let desired = compile(&acme, &Selection::default());
    let view = desired.beside(Observed::none(), now);
    let denied = acme.flow("ci-runner", "db-cluster", "tcp/5432".parse().unwrap()).unwrap();
    assert_eq!(desk.says(2, "explain ci-runner db-cluster tcp/5432").trim_end(), view.explain(&denied).to_string());
    assert_eq!(
        desk.says(2, "explain ci-runner db-cluster tcp/5432 --all").trim_end(),
        format!("{:#}", view.explain(&denied))
    );
    assert_eq!(desk.says(2, "impact --sweep").trim_end(), view.sweep().to_string());
    assert_eq!(desk.says(0, "check").trim_end(), desired.judge(&[]).to_string());
}

#[test]
fn a_fix_is_written_and_opens_the_flow() {
    let desk = Desk::new();
    let plan = desk.says(2, "explain ci-runner db-cluster tcp/5432 --fix 1 -o fixed.toml");
    assert!(plan.contains("gained   1   ci-runner -> db-cluster   tcp/5432"), "{plan}");
    desk.says(0, "explain ci-runner db-cluster tcp/5432 -f fixed.toml");
    let fixed = fs::read_to_string(desk.path("fixed.toml")).unwrap();
    let added: Vec<_> = fixed.lines().filter(|line| !sample::ACME.lines().any(|was| was == *line)).collect();
    assert_eq!(added.len(), 1, "{added:?}");
    let error = desk.fails("explain ci-runner db-cluster tcp/5432 --fix 9");
    assert!(error.contains("--fix 1 to --fix 2"), "{error}");
}

#[test]
fn the_change_that_broke_a_flow_is_named_and_no_other() {
    let desk = Desk::new();
    let noise =
        sample::ACME.replace("\n[peers] ", "\n[peers]\nnoise = { groups = [\"data\"], networks = [\"prod\"] }\n#");
    let noise = noise
        .replace("\n[policies] ", "\n[policies]\nnoise = { from = \"noise\", to = \"vpc\", allow = [\"any\"] }\n#");
    desk.write("noise.toml", &noise);
    desk.write(
        "later.toml",
        &noise
            .lines()
            .filter(|l| !l.starts_with("api-to-db"))
            .collect::<Vec<_>>()
            .join("\n")
            .replace("noise = { from", "noise = { reason = \"more\", from"),
    );
    let text = desk.says(2, "bisect api-gateway db-cluster tcp/5432 nanami.toml noise.toml later.toml");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "BROKEN    api-gateway -> db-cluster  tcp/5432   between noise.toml and later.toml");
    assert_eq!(lines[1], "Because   - policy api-to-db   api-gateway -> db-cluster   tcp/5432");
    assert_eq!(lines[2], "", "{text}");
    let error = desk.fails("bisect api-gatewai db-cluster tcp/5432 nanami.toml noise.toml");
    assert!(error.contains("did you mean api-gateway?"), "{error}");
}

#[test]
fn a_mistake_names_the_thing_the_place_and_the_remedy() {
    let desk = Desk::new();
    desk.write(
        "wrong.toml",
        &sample::ACME.replace("10.43.0.0/16", "10.43.0.1/16").replace("owner = \"delivery\"", "owner = \"delivry\""),
    );
    desk.write("latin.toml", "x");
    fs::write(desk.path("latin.toml"), b"[workspace]\nname = \"caf\xe9\"\n").unwrap();
    fs::create_dir(desk.path("empty")).unwrap();
    for (line, parts) in [
        ("plan none.toml", vec!["none.toml", "-f FILE"]),
        ("plan -f nanami.toml", vec!["plan takes its file without -f: nanami plan nanami.toml"]),
        ("plan empty", vec!["empty", "nanami.toml"]),
        (
            "plan wrong.toml",
            vec!["wrong.toml has 2 mistakes", "wrong.toml:2", "value.cidr.host_bits", "delivery", "help:"],
        ),
        ("check -f latin.toml", vec!["latin.toml:2", "UTF-8"]),
        ("explain ci-runer db-cluster tcp/5432", vec!["ci-runer", "did you mean ci-runner?"]),
        ("explain ci-runner db-cluster tcp", vec!["tcp/443"]),
        ("reach --to 10.42.9.9", vec!["10.42.9.9", "nobody"]),
        ("reach", vec!["--from", "--to", "--user"]),
        ("impact", vec!["--sweep"]),
        ("impact us-eas", vec!["us-east"]),
        ("impact --host nowhere", vec!["nowhere", "host"]),
        ("what-if", vec!["--edit"]),
        ("what-if --edit policies.x", vec!["PATH=VALUE"]),
        ("what-if --edit gateways.us-east.activity=draining", vec!["quote"]),
        ("what-if --edit gateways.us-east.actvity=\"draining\"", vec!["gateways.us-east.actvity", "activity"]),
        ("what-if --remove policies.ci-to-vcp", vec!["ci-to-vpc"]),
        ("board --open platfrm", vec!["did you mean platform?"]),
        ("board -o board.png", vec!["board.svg"]),
        ("import wg-quick empty", vec!["empty", ".conf"]),
        ("export ci-runner", vec!["ci-runner", "limited"]),
        ("frob", vec!["frob"]),
    ] {
        let error = desk.fails(line);
        for part in parts {
            assert!(error.contains(part), "nanami {line}: {part:?} is not in\n{error}");
        }
    }
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let desk = Desk::new();
    desk.write("kept.toml", "as it was");
    desk.fails("what-if --edit policies.x={~from=\"nobody\"~} -o kept.toml");
    assert_eq!(fs::read_to_string(desk.path("kept.toml")).unwrap(), "as it was");
    desk.fails("board -o nowhere/board.svg");
    let left: Vec<_> = fs::read_dir(desk.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn every_json_answer_keeps_the_published_schema() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/answers.schema.json");
    let desk = Desk::new();
    let schema = desk.says(0, "schema --answers");
    if std::env::var_os("NANAMI_BLESS").is_some() {
        fs::write(&published, &schema).unwrap();
    }
    assert!(fs::read_to_string(&published).unwrap() == schema, "the schema is another one: NANAMI_BLESS=1 writes it");
    let valid = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for (code, kind, line) in [
        (2, "plan", "plan"),
        (2, "plan", "plan opened.toml --against nanami.toml"),
        (0, "explanation", "explain api-gateway db-cluster tcp/5432"),
        (2, "explanation", "explain ci-runner db-cluster tcp/5432"),
        (0, "reach", "reach --to db-cluster"),
        (0, "reach_twice", "reach --to db-cluster --plan opened.toml"),
        (2, "plan", "what-if --remove policies.ci-to-vpc"),
        (0, "impact", "impact us-east"),
        (2, "sweep", "impact --sweep"),
        (0, "assertions", "check"),
        (2, "status", "status -f acme.recording"),
        (2, "comparison", "diff nanami.toml opened.toml"),
        (2, "bisected", "bisect ci-runner vpc tcp/443 nanami.toml opened.toml"),
    ] {
        let answer: serde_json::Value = serde_json::from_str(&desk.says(code, &format!("{line} --json"))).unwrap();
        assert!(valid.is_valid(&answer), "nanami {line} --json: {answer:#}");
        assert_eq!(answer["kind"], kind, "nanami {line}");
        let mut cut = answer.clone();
        cut.as_object_mut().unwrap().remove("kind");
        assert!(!valid.is_valid(&cut), "the schema asks for what is there");
    }
}

#[test]
fn markdown_has_the_verdict_and_the_rest_as_it_stands() {
    let desk = Desk::new();
    let (text, marked) = (desk.says(0, "check"), desk.says(0, "check --markdown"));
    assert!(
        marked.starts_with("**acme: all 3 assertions hold**\n\n```text\n") && marked.ends_with("\n```\n"),
        "{marked}"
    );
    assert!(text.lines().skip(2).all(|line| marked.contains(line)));
}

#[test]
fn a_json_document_and_standard_input_are_read_too() {
    let desk = Desk::new();
    desk.write("acme.json", &sample::acme().to_json());
    assert_eq!(
        desk.says(2, "explain ci-runner db-cluster tcp/5432 -f acme.json"),
        desk.says(2, "explain ci-runner db-cluster tcp/5432")
    );
    desk.says(2, "what-if --remove policies.ci-to-vpc -f acme.json");
    let input = fs::File::open(desk.path("nanami.toml")).unwrap();
    let output = Command::new(NANAMI).args(["check", "-f", "-"]).stdin(input).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), desk.says(0, "check"));
}

#[test]
fn a_folder_of_wg_quick_files_becomes_a_document_that_plans() {
    let desk = Desk::new();
    fs::create_dir(desk.path("wg")).unwrap();
    desk.write("wg/hub.conf", "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.8.0.1/24\nPostUp = rm -rf /\n\
        [Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nAllowedIPs = 10.8.0.2/32\n");
    let output = desk.run("import wg-quick wg --name office -o office.toml");
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && report.contains("Guessed") && report.contains("Dropped"), "{report}");
    let document = fs::read_to_string(desk.path("office.toml")).unwrap();
    assert!(!document.contains("yAnz5TF") && !document.contains("rm -rf"), "{document}");
    desk.says(2, "plan office.toml");
}

#[test]
fn whoever_closes_the_pipe_early_has_seen_enough() {
    let desk = Desk::new();
    let mut child = Command::new(NANAMI)
        .args(["schema"])
        .current_dir(desk.0.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_that_cannot_be_written_says_what_to_do() {
    let desk = Desk::new();
    let failed = desk.fails("board -o nope/b.html");
    assert!(failed.starts_with("error: could not write nope/b.html: "), "{failed}");
    assert!(failed.contains("help: make the folder nope first, or name another file"), "{failed}");
    desk.write("taken", "");
    let failed = desk.fails("board -o taken/b.svg");
    assert!(failed.contains("help: taken is no folder: name another file"), "{failed}");
    fs::create_dir(desk.path("b.svg")).unwrap();
    let failed = desk.fails("board -o b.svg");
    assert!(failed.contains("help: that is a folder: name a file in it"), "{failed}");
    let left: Vec<_> = fs::read_dir(desk.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("part")), "{left:?}");
}

#[test]
fn the_help_names_the_exit_codes_of_every_verb_that_answers() {
    let desk = Desk::new();
    let help = desk.says(0, "--help");
    let codes = &help[help.find("Exit codes:").unwrap()..];
    for verb in ["plan", "diff", "what-if", "explain", "reach", "impact", "bisect", "status", "check"] {
        assert!(codes.contains(verb), "{verb}: {codes}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    // As it says: a peer is altered, the newest document denies the flow.
    desk.says(2, "status -f acme.recording");
    desk.says(2, "bisect ci-runner vpc tcp/443 nanami.toml opened.toml");
    desk.says(0, "bisect ci-runner db-cluster tcp/5432 nanami.toml opened.toml");
}

#[test]
fn an_impact_counts_every_flow_and_a_plan_says_what_is_suspicious() {
    let desk = Desk::new();
    let impact = desk.says(0, "impact us-east");
    let first = impact.lines().next().unwrap();
    assert_eq!(
        first,
        "Without us-east: nothing stops, 1 of 5 flows goes to a standby, 4 go on as before, at revision 1"
    );
    let json: serde_json::Value = serde_json::from_str(&desk.says(0, "impact us-east --json")).unwrap();
    assert_eq!((&json["direct"], &json["flows"]["unaffected"]), (&3.into(), &1.into()));
    let edits = "what-if --edit groups.nobody={} --edit policies.lonely={~from=\"ci-runner\",~to=\"nobody\",~allow=[\"tcp/22\"]~}";
    let notice = "policy lonely, to: nobody is nobody; put somebody into it, or remove the policy";
    let plan = desk.says(2, edits);
    assert!(plan.lines().any(|line| line == format!("Notice        {notice}")), "{plan}");
    assert!(desk.says(2, &format!("{edits} --markdown")).contains(notice));
    let json: serde_json::Value = serde_json::from_str(&desk.says(2, &format!("{edits} --json"))).unwrap();
    let notices = &json["notices"];
    assert_eq!((&notices["count"], &notices["first"][0]["code"]), (&1.into(), &"notice.empty_side".into()));
    assert_eq!(notices["first"][0]["remedy"], "put somebody into it, or remove the policy");
}

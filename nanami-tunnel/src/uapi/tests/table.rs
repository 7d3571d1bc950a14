//! The committed table of requests and answers (`table.txt`), reviewed as a difference: `NANAMI_BLESS=1` writes the answers.

use super::*;

#[test]
fn every_request_of_the_table_has_its_answer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/uapi/tests/table.txt");
    let table = std::fs::read_to_string(path).unwrap();
    let answered = run(&table);
    if std::env::var_os("NANAMI_BLESS").is_some() {
        return std::fs::write(path, &answered).unwrap();
    }
    for (at, (answered, line)) in answered.lines().zip(table.lines()).enumerate() {
        assert_eq!(answered, line, "line {} of the table; NANAMI_BLESS=1 writes it anew", at + 1);
    }
    assert_eq!(answered.len(), table.len());
}

/// Runs each case on an interface of its own. Lines with `>` are sent, those with `<` are replaced by what is answered; all
/// others stay.
fn run(table: &str) -> String {
    let (mut out, mut device, mut request) = (String::new(), InMemory::default(), String::new());
    for line in table.lines() {
        if line.starts_with("==") {
            device = InMemory::default();
        }
        match line.strip_prefix('>') {
            Some(sent) => {
                request += &(spelled_out(sent.trim_start()) + "\n");
                out += &format!("{line}\n");
                if sent.is_empty() {
                    let answer = String::from_utf8(answers(&device, request.as_bytes())).unwrap();
                    request.clear();
                    answer.lines().for_each(|line| out += &(format!("< {}", named(line)).trim_end().to_owned() + "\n"));
                }
            }
            None if line.starts_with('<') => {}
            None => out += &format!("{line}\n"),
        }
    }
    out
}

/// `{a}` is the public key of a, `{A}` its private one, `{psk}` a preshared key and `{0}` all zeros.
fn names() -> Vec<(String, String)> {
    let mut names = vec![("{psk}".into(), "5".repeat(64)), ("{0}".into(), "0".repeat(64))];
    for (n, name) in (1..).zip('a'..='d') {
        names.push((format!("{{{name}}}"), hex(key(n).as_bytes())));
        names.push((format!("{{{}}}", name.to_uppercase()), hex(private(n).expose())));
    }
    names
}

fn spelled_out(line: &str) -> String {
    names().into_iter().fold(line.to_owned(), |line, (name, hex)| line.replace(&name, &hex))
}

fn named(line: &str) -> String {
    names().into_iter().fold(line.to_owned(), |line, (name, hex)| line.replace(&hex, &name))
}

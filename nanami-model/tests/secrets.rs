//! SEC-60, SEC-61: no text that the model makes of its own accord holds a secret.
//!
//! The types that can hold one are found in the sources: whatever names a secret type in its fields, and what names that.
//! Each must be listed here with a value that carries a marker, so that a new one cannot be forgotten.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads its files")]
#![expect(clippy::unwrap_used, reason = "tests panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Debug;
use std::path::Path;
use std::{fs, io};

use nanami_model::message::{ToControl, ToPeer};
use nanami_model::wg_quick::{Export, WgQuick};
use nanami_model::{
    AllowedIps, ApiToken, Bearer, Intent, JoinKey, JoinKeyId, JoinSecret, JoinString, PresharedKey, PrivateKey,
    SessionToken, Timestamp, TokenId, TokenRecord, TokenTable, name,
};

/// Where secrets begin: these hold the bytes themselves. All others are found from them.
const SECRETS: [&str; 6] = ["PrivateKey", "PresharedKey", "JoinSecret", "SessionToken", "ApiToken", "Exposed"];

/// Types that hold a secret, directly or in a field, and may be cloned. Each says why; nothing that holds a secret may be
/// `Copy` or `Serialize`.
const CLONED: [(&str, &str); 6] = [
    ("PrivateKey", "the engine and the channel of one peer each need it"),
    ("PresharedKey", "a file and the engine each hold it"),
    ("InterfaceSection", "a file is a value that is edited as a copy"),
    ("PeerSection", "a file is a value that is edited as a copy"),
    ("WgQuick", "a file is a value that is edited as a copy"),
    ("Export", "it is made without a private key, and has no way to get one"),
];

/// Types that are printed although their parts could hold a secret, each with the reason.
const PRINTED: [(&str, &str); 2] = [
    ("Exposed", "its text is the secret, asked for; `Debug` does not show it"),
    ("Export", "it is made without a private key, and has no way to get one"),
];

/// The marker: bytes that occur nowhere else, whatever form they are printed in.
const MARK: u8 = 0x5e;

fn private() -> PrivateKey {
    PrivateKey::from_bytes([MARK; 32])
}

fn preshared() -> PresharedKey {
    PresharedKey::from_bytes([MARK; 32]).unwrap()
}

fn join_secret() -> JoinSecret {
    JoinSecret::new(JoinKeyId::from_bytes([1; 10]), [MARK; 20])
}

fn session() -> SessionToken {
    SessionToken::new(TokenId::from_bytes([1; 10]), [MARK; 20])
}

fn api() -> ApiToken {
    ApiToken::new(TokenId::from_bytes([1; 10]), [MARK; 20])
}

fn join_string() -> JoinString {
    JoinString::new("127.0.0.1:1", name!("acme"), private().public(), join_secret()).unwrap()
}

fn wg_quick_text() -> String {
    let key = &text_of_key()[..];
    let other = PrivateKey::from_bytes([7; 32]).public();
    format!(
        "[Interface]\nPrivateKey = {key}\nAddress = 10.0.0.1/24\n[Peer]\nPublicKey = {other}\nPresharedKey = {key}\nAllowedIPs = 10.0.0.2/32\n"
    )
}

/// The base64 of the marker, as `wg` prints it.
fn text_of_key() -> String {
    "Xl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl4=".to_owned()
}

/// Every type that can hold a secret, with the text that its `Debug` makes of a marked value.
fn marked() -> BTreeMap<&'static str, String> {
    let file: WgQuick = wg_quick_text().parse().unwrap();
    let hello = ToControl::Hello { join: Some(join_secret()), held: None };
    BTreeMap::from([
        ("PrivateKey", debug(&private())),
        ("PresharedKey", debug(&preshared())),
        ("JoinSecret", debug(&join_secret())),
        ("SessionToken", debug(&session())),
        ("ApiToken", debug(&api())),
        ("Exposed", debug(&join_secret().expose())),
        ("Bearer", debug(&(Bearer::Session(session()), Bearer::Api(api())))),
        ("JoinString", debug(&join_string())),
        ("ToControl", debug(&hello)),
        ("InterfaceSection", debug(file.interface())),
        ("PeerSection", debug(&file.peers())),
        ("WgQuick", debug(&file)),
        ("Export", export()),
    ])
}

/// A file for a plain device, after it was finished with the device's key.
fn export() -> String {
    let gateway = PrivateKey::from_bytes([1; 32]).public();
    let file = Export::new(name!("phone"), ["10.42.0.9".parse().unwrap()], name!("us-east"), gateway, cidrs());
    assert!(file.expose_with(&private()).contains(&text_of_key()));
    format!("{} {file}", debug(&file))
}

fn cidrs() -> AllowedIps {
    "10.60.0.0/16".parse().unwrap()
}

fn debug(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// The marker in every form in which bytes are printed.
fn forms() -> Vec<String> {
    let join = join_secret().expose();
    vec![
        text_of_key()[..20].to_owned(),
        format!("{MARK:02x}").repeat(8),
        format!("{MARK:02X}").repeat(8),
        format!("{MARK}, {MARK}, {MARK}"),
        format!("{MARK},\n    {MARK}"),
        join[24..44].to_owned(),
        "nnm_jk_".to_owned(),
        "nnm_ses_".to_owned(),
        "nnm_api_".to_owned(),
    ]
}

fn assert_clean(what: &str, text: &str) {
    // Without the spaces of the alternate form, so that no layout hides a list of bytes.
    let dense: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for form in forms() {
        assert!(!text.contains(&form) && !dense.contains(&form), "{what} shows {form}: {text}");
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(cause) = next {
        text += &format!(" {cause} {cause:?}");
        next = cause.source();
    }
    text
}

#[test]
fn sec_60_no_type_that_holds_a_secret_prints_it_and_none_is_forgotten() {
    let marked = marked();
    let found = Sources::read().holders();
    let listed: BTreeSet<String> = marked.keys().map(ToString::to_string).collect();
    assert_eq!(found, listed, "found in the sources on the left; give each a marked value in `marked`");
    for (what, text) in marked {
        assert_clean(what, &text);
    }
}

#[test]
fn sec_60_secrets_are_not_serialised_and_cloned_only_with_a_reason() {
    let sources = Sources::read();
    let cloned: BTreeSet<&str> = CLONED.iter().map(|(name, _)| *name).collect();
    for holder in sources.holders() {
        let Some(public) = sources.types.get(&holder) else { continue };
        for word in ["Serialize", "Copy", "Display", "Hash", "PartialOrd"] {
            assert!(!public.derives.contains(word), "{holder} derives {word}");
        }
        let clones = public.derives.contains("Clone");
        assert!(!clones || cloned.contains(holder.as_str()), "{holder} is cloned without a reason");
        let printed = PRINTED.iter().any(|(name, _)| *name == holder);
        for implemented in ["impl Serialize for", "impl fmt::Display for", "impl Display for"] {
            let argued = printed && implemented.contains("Display");
            assert!(argued || !sources.text.contains(&format!("{implemented} {holder} ")), "{implemented} {holder}");
        }
    }
}

#[test]
fn sec_61_no_error_about_a_secret_shows_it() {
    let key = text_of_key();
    let join = join_secret().expose();
    let tokens = [session().expose(), api().expose()];
    let mut errors: Vec<Box<dyn Error>> = Vec::new();
    let damaged = |text: &str| {
        [format!("{text}x"), text[..text.len() - 1].to_owned(), format!(" {text}"), text.replace('e', "é")]
    };
    for text in damaged(&key) {
        errors.extend(text.parse::<PrivateKey>().err().map(|e| Box::new(e) as _));
        errors.extend(text.parse::<PresharedKey>().err().map(|e| Box::new(e) as _));
    }
    for text in [&*join, &*tokens[0], &*tokens[1]]
        .into_iter()
        .flat_map(|text| damaged(text).into_iter().chain([text.to_owned()]))
    {
        errors.extend(text.parse::<JoinSecret>().err().map(|e| Box::new(e) as _));
        errors.extend(text.parse::<SessionToken>().err().map(|e| Box::new(e) as _));
        errors.extend(text.parse::<ApiToken>().err().map(|e| Box::new(e) as _));
        errors.extend(text.parse::<Bearer>().err().map(|e| Box::new(e) as _));
    }
    let line = join_string().expose();
    for end in (0..line.len()).filter(|end| line.is_char_boundary(*end)) {
        errors.extend(line[..end].parse::<JoinString>().err().map(|e| Box::new(e) as _));
    }
    let hello = ToControl::Hello { join: Some(join_secret()), held: None }.encode();
    for at in 0..hello.len() {
        let mut flipped = hello.clone();
        flipped[at] ^= 1;
        errors.extend(ToControl::decode(&flipped).err().map(|e| Box::new(e) as _));
        errors.extend(ToPeer::decode(&flipped).err().map(|e| Box::new(e) as _));
    }
    assert!(errors.len() > 100, "{} errors", errors.len());
    for error in errors {
        let text = chain(error.as_ref());
        // What a join string or a token reads like is no secret; that one begins so is said by the error about it.
        let told = text.replace("nnm_jk_,", "").replace("nnm_ses_,", "").replace("nnm_api_,", "");
        let told = ["nnm_jk_", "nnm_ses_", "nnm_api_"]
            .iter()
            .fold(told, |told, prefix| told.replace(&format!("\"{prefix}\""), ""));
        assert_clean("an error", &told);
    }
}

#[test]
fn sec_61_a_file_with_mistakes_shows_no_key() {
    let text = wg_quick_text();
    let key = text_of_key();
    for (from, to) in [
        (key.as_str(), format!("{}A", &key[..43])),
        (key.as_str(), format!("{key} {key}")),
        ("PrivateKey", "Privatekey=".to_owned()),
        ("PrivateKey =", "PrivateKey".to_owned()),
        ("PresharedKey", "AllowedIPs".to_owned()),
        ("PresharedKey", "Endpoint".to_owned()),
        ("10.0.0.1/24", "10.0.0.1/99".to_owned()),
    ] {
        let Err(errors) = text.replace(from, &to).parse::<WgQuick>() else { continue };
        assert_clean("errors of a file", &format!("{errors} {errors:?}"));
    }
}

#[test]
fn sec_02_what_is_stored_of_a_secret_does_not_show_it() {
    let bearer = Bearer::Api(api());
    let at = Timestamp::from_millis;
    let mut table = TokenTable::default();
    table.keep(bearer.id(), TokenRecord::new(&bearer, name!("netops"), name!("operators"), at(0), at(1)));
    let key = JoinKey::one_off(name!("laptop")).with_hash(join_secret().hash());
    let empty = Intent::new(name!("acme"), nanami_model::User::new(name!("netops")));
    let mut draft = empty.draft();
    draft.add_join_key(key.clone(), |_| join_secret().hash());
    let changes = draft.into_changes();
    for text in [
        serde_json::to_string(&table).unwrap(),
        serde_json::to_string(&key).unwrap(),
        serde_json::to_string(&changes).unwrap(),
        format!("{table:?} {key:?} {changes:?} {:?}", empty.apply(empty.owner(), &changes)),
    ] {
        assert_clean("what is stored", &text);
    }
}

/// The public types of this crate, as far as a scan of its sources tells.
struct Sources {
    types: BTreeMap<String, PublicType>,
    text: String,
}

struct PublicType {
    /// Everything between the name and the end of the definition.
    body: String,
    derives: String,
}

impl Sources {
    fn read() -> Self {
        let mut text = String::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text).unwrap();
        let mut types = BTreeMap::new();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [visible, "struct" | "enum", name, ..] = words[..] else { continue };
            if visible != "pub" || name.starts_with('$') {
                continue;
            }
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let above = lines[..at].iter().rev().take_while(|l| l.starts_with("#[") || l.starts_with("///"));
            let derives = above.filter(|l| l.starts_with("#[derive")).copied().collect();
            types.insert(name.clone(), PublicType { body: body(&lines[at..], &name), derives });
        }
        assert!(types.len() > 80, "{} public types: is the scan broken?", types.len());
        Self { types, text }
    }

    /// The public types that hold a secret, directly or in a field.
    fn holders(&self) -> BTreeSet<String> {
        let mut holders: BTreeSet<String> = SECRETS.iter().map(ToString::to_string).collect();
        loop {
            let names = |body: &str| {
                let mut words = body.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.any(|word| holders.contains(word))
            };
            let more: Vec<String> = self
                .types
                .iter()
                .filter(|(name, t)| !holders.contains(*name) && names(&t.body))
                .map(|(n, _)| n.clone())
                .collect();
            if more.is_empty() {
                return holders;
            }
            holders.extend(more);
        }
    }
}

/// The definition without comments and attributes, to its closing brace or its semicolon. Variants are no types: only what
/// stands in a field counts.
fn body(lines: &[&str], name: &str) -> String {
    let (mut depth, mut body) = (0i32, String::new());
    for line in lines {
        let code = line.split("//").next().unwrap_or_default();
        depth += code.matches(['{', '(']).count() as i32 - code.matches(['}', ')']).count() as i32;
        if !code.trim_start().starts_with("#[") {
            let fields = code.trim_start();
            let variant = fields.split(['(', '{', ',']).next().unwrap_or_default().trim();
            let is_variant = variant.chars().next().is_some_and(char::is_uppercase) && !code.contains("pub struct");
            body += if is_variant { fields.get(variant.len()..).unwrap_or_default() } else { fields };
            body.push('\n');
        }
        if depth == 0 && (code.contains('}') || code.contains(';')) {
            break;
        }
    }
    body.replacen(name, "", 1)
}

fn collect(directory: &Path, text: &mut String) -> io::Result<()> {
    let mut paths: Vec<_> = fs::read_dir(directory)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, text)?;
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_stem().is_some_and(|stem| stem != "tests") {
            *text += &fs::read_to_string(&path)?;
        }
    }
    Ok(())
}

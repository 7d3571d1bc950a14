//! Folders of `wg-quick` files, as an import gets them: texts with a NUL between them.

use nanami_model::wg_quick::{import, read_files};
use nanami_model::{Intent, User, name};

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Refused };
    let texts = text.split('\0').take(MOST_FILES).map(|text| ("device/wg0.conf", text));
    let Ok(files) = read_files(texts) else { return Outcome::Refused };
    let Ok(imported) = import(name!("office"), User::new(name!("me")), &files) else {
        panic!("a folder that reads is refused");
    };
    let empty = Intent::new(name!("office"), User::new(name!("me")));
    let Ok(again) = empty.apply(empty.owner(), imported.changes()) else { panic!("what was proposed is refused") };
    assert!(again.changes_to(imported.intent()).is_empty());
    let report = imported.to_string();
    for key in files.iter().filter_map(|(_, config)| config.interface().private_key()) {
        assert!(!report.contains(&*key.expose_text()), "a private key is in the report");
    }
    Outcome::Taken
}

/// chosen: key pairs are dear where nothing is optimised.
const MOST_FILES: usize = 6;

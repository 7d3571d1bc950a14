//! The workspace document as JSON, as programs write it.

use nanami_model::Intent;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Refused };
    match Intent::from_json(text) {
        Ok(intent) => {
            let written = intent.to_json();
            let again = match Intent::from_json(&written) {
                Ok(again) => again,
                Err(errors) => panic!("what was written is refused: {errors}\n{written}"),
            };
            assert!(intent.changes_to(&again).is_empty(), "what was written is another workspace:\n{written}");
            let Ok(toml) = Intent::from_toml(&intent.to_toml()) else { panic!("one form has what the other lacks") };
            assert!(intent.changes_to(&toml).is_empty(), "the two forms are two workspaces:\n{written}");
            Outcome::Taken
        }
        Err(errors) => {
            assert!(errors.iter().next().is_some(), "refused without a reason");
            let lines = text.split('\n').count();
            for error in &errors {
                assert!((1..=lines).contains(&error.place().line()), "{error} is said to be outside the text");
                assert!(!error.code().is_empty() && !error.remedy().is_empty(), "{error} comes without a remedy");
            }
            Outcome::Refused
        }
    }
}

//! The workspace document, as people write it.

use nanami_model::Intent;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Refused };
    match Intent::from_toml(text) {
        Ok(intent) => {
            let written = intent.to_toml();
            let again = match Intent::from_toml(&written) {
                Ok(again) => again,
                Err(errors) => panic!("what was written is refused: {errors}\n{written}"),
            };
            assert!(intent.changes_to(&again).is_empty(), "what was written is another workspace:\n{written}");
            Outcome::Taken
        }
        Err(errors) => {
            assert!(errors.iter().next().is_some(), "refused without a reason");
            let lines = text.split('\n').count();
            for error in &errors {
                assert!((1..=lines).contains(&error.place().line()), "{error} is said to be outside the text");
                assert!(!error.code().is_empty() && !error.to_string().is_empty());
                assert!(!error.remedy().is_empty(), "{error} comes without a remedy");
            }
            Outcome::Refused
        }
    }
}

//! Assertions as people read them: how many hold, what breaks the others, then those that hold.

use std::fmt;

use super::{Limit, count, wrap};
use crate::judgement::Judgement;

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, broken) = (self.names.len(), self.broken());
        let held = total.saturating_sub(broken.len());
        let mut lines = vec![match total {
            0 => format!("{} asserts nothing", self.workspace),
            _ if broken.is_empty() => format!("{}: {} hold", self.workspace, all(total)),
            _ => format!("{}: {held} of {} hold, {} broken", self.workspace, count(total, "assertion"), broken.len()),
        }];
        if total > 0 {
            lines.push(String::new());
        }
        let limit = if f.alternate() { Limit::NONE } else { Limit::rows(LINES - 2) };
        let texts = broken.iter().map(|broken| broken.to_string().replacen("assertion ", "", 1));
        let texts = texts.map(|text| wrap("  BROKEN   ", &text));
        let texts: Vec<_> = texts.chain(self.held().map(|name| vec![format!("  holds    {name}")])).collect();
        let most = texts.iter().scan(0, |sum, text| {
            *sum += text.len();
            Some(*sum)
        });
        let fits = most.take_while(|sum| *sum <= limit.most(usize::MAX)).count();
        let shown = if fits == texts.len() { fits } else { fits.saturating_sub(1).max(1) };
        lines.extend(texts[..shown.min(texts.len())].iter().flatten().cloned());
        if shown < texts.len() {
            lines.push(format!("  … and {} more", texts.len() - shown));
        }
        f.write_str(lines.join("\n").trim_end())
    }
}

fn all(total: usize) -> String {
    if total == 1 { "the assertion".to_owned() } else { format!("all {}", count(total, "assertion")) }
}

/// The longest text that is not asked to be complete.
const LINES: usize = 24;

//! Any of the texts as Markdown.

/// A text as Markdown, for a review comment: the verdict as a line of its own, the rest as it stands, in columns.
///
/// ```
/// assert_eq!(nanami_plan::markdown("DENIED    a -> b_c"), "**DENIED a -\\> b\\_c**");
/// ```
pub fn markdown(text: &str) -> String {
    let (verdict, rest) = text.split_once('\n').unwrap_or((text, ""));
    let verdict = verdict.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut escaped = String::new();
    for c in verdict.chars() {
        if c.is_ascii_punctuation() && !",.:;()-/".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    // A fence is longer than any row of backticks in it.
    let rest = rest.trim_matches('\n');
    if rest.is_empty() {
        return format!("**{escaped}**");
    }
    let longest = rest.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("**{escaped}**\n\n{fence}text\n{rest}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn the_verdict_stands_out_and_nothing_in_it_becomes_markup() {
        assert_eq!(markdown("DENIED    a -> b_c"), "**DENIED a -\\> b\\_c**");
        assert_eq!(markdown("yes\n\n  a `b`\n"), "**yes**\n\n```text\n  a `b`\n```");
        assert!(markdown("yes\n ```` ").contains("\n`````text\n"));
    }
}

//! Which names an interface can have.

/// Whether this can be the name of an interface and of its socket: what Linux takes (`dev_valid_name` in its net/core/dev.c)
/// and people can type, less `%`, which Linux replaces by a number.
pub(crate) fn is_interface_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"/:%".contains(&byte);
    (1..=MAX_BYTES).contains(&name.len()) && name.bytes().all(is_allowed) && ![".", ".."].contains(&name)
}

/// Linux's `IFNAMSIZ`, without the zero at its end.
const MAX_BYTES: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_to_fifteen_characters_that_lead_nowhere() {
        for good in ["wg0", "a", "fifteen-letters", "wg.7", "..."] {
            assert!(is_interface_name(good), "{good}");
        }
        let bad = ["", ".", "..", "../wg0", "a/b", "a:b", "wg%d", "sixteen-letters-", "wg 0", "wg\n0", "wg\0", "wgß"];
        for bad in bad {
            assert!(!is_interface_name(bad), "{bad:?}");
        }
    }
}

//! Names in a row: what is dropped of the name before, and what is put in its place.

use super::bytes::{Input, Output};
use crate::name::Name;
use crate::tlv::{MessageError, malformed};

/// A count that does not fit into four bits follows by itself.
const MORE: usize = 15;

pub(super) fn write<'a>(out: &mut Output, names: impl Iterator<Item = &'a Name>) {
    let mut last = "";
    for name in names.map(Name::as_str) {
        // Names are ASCII: bytes are characters.
        let shared = last.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        let (dropped, put) = (last.len() - shared, name.len() - shared);
        out.byte(((put.min(MORE) as u8) << 4) | dropped.min(MORE) as u8);
        for count in [dropped, put].into_iter().filter(|count| *count >= MORE) {
            out.count(count);
        }
        out.bytes(&name.as_bytes()[shared..]);
        last = name;
    }
}

pub(super) fn read(input: &mut Input<'_>, count: usize) -> Result<Vec<Name>, MessageError> {
    let wrong = malformed("name");
    let (mut names, mut last) = (Vec::new(), String::new());
    for _ in 0..count {
        let head = usize::from(input.byte()?);
        let mut long = |short: usize| if short == MORE { input.small("name") } else { Ok(short) };
        let (dropped, put): (usize, usize) = (long(head & MORE)?, long(head >> 4)?);
        last.truncate(last.len().checked_sub(dropped).ok_or(wrong.clone())?);
        if last.len().saturating_add(put) > Name::MAX_LENGTH {
            return Err(wrong);
        }
        last.push_str(std::str::from_utf8(input.bytes(put)?).ok().filter(|text| text.is_ascii()).ok_or(wrong.clone())?);
        names.push(last.parse().map_err(|_| wrong.clone())?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_any_order_and_numbered_ones_are_short() {
        let long = "a".repeat(Name::MAX_LENGTH);
        let texts = ["peer-9", "peer-10", "x", &long, "b", &long, &long[..30], &long[..14], "peer-10"];
        let names: Vec<Name> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let mut out = Output::default();
        write(&mut out, names.iter());
        assert_eq!(read(&mut Input::new(&out.into_bytes()), names.len()), Ok(names));
        let numbered: Vec<Name> = (1000..2000).map(|n| format!("peer-{n}").parse().unwrap()).collect();
        let mut out = Output::default();
        write(&mut out, numbered.iter());
        assert!(out.into_bytes().len() < 2200);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bytes in
            [&[0x01][..], &[0x10, b'A'], &[0x00], &[0xf0, 64], &[0xf0, 200, 200, 200], &[0x10, 0xc3], &[0x20, b'a']]
        {
            assert!(read(&mut Input::new(bytes), 1).is_err(), "{bytes:?}");
        }
    }
}

//! Ranges: of a download (RFC 9110 section 14) and of an upload (specification, "Pushing a blob in chunks").

use crate::error::{Code, ErrorResponse};

/// Some bytes of a blob, stored or to come: from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte, not before the first; less than the size, and of a chunk less than 2^63.
    pub last: u64,
}

impl Part {
    /// How many bytes those are; at least one.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a `Range` header asks for of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of them: 200.
    Whole,
    /// Some of them: 206.
    Part(Part),
    /// Several parts, in the order in which they were asked for: 206 as [`crate::multipart`].
    Parts(Vec<Part>),
    /// None that exist: 416.
    Unsatisfiable,
}

/// What `header` asks for of `size` bytes (RFC 9110 section 14.2).
///
/// Ranges that lie outside of the bytes are dropped; others are neither joined nor put in order, for clients count the
/// parts. For another unit than bytes, and for what cannot be read there is the whole, as the RFC allows and demands; a range
/// that ends before it begins lies outside, as it allows too (and the published suite asks).
pub fn parse_range(header: &str, size: u64) -> Requested {
    let Some((unit, set)) = header.split_once('=') else { return Requested::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Requested::Whole;
    }
    let mut parts = Vec::new();
    let mut any = false;
    // A list may have elements that are empty (RFC 9110 section 5.6.1).
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        any = true;
        match one_range(spec, size) {
            Requested::Part(part) => parts.push(part),
            Requested::Unsatisfiable => {}
            _ => return Requested::Whole,
        }
    }
    match *parts {
        [] if any => Requested::Unsatisfiable,
        [] => Requested::Whole,
        [part] => Requested::Part(part),
        _ => Requested::Parts(parts),
    }
}

/// What one range of a list asks for; the whole for what is none.
fn one_range(spec: &str, size: u64) -> Requested {
    let part = |first, last| Requested::Part(Part { first, last });
    let Some((first, last)) = spec.split_once('-') else { return Requested::Whole };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Requested::Whole,
        (true, false) => match saturating(last) {
            None => Requested::Whole,
            Some(0) => Requested::Unsatisfiable,
            // A suffix of nothing is satisfiable, yet no first and last byte can say it.
            Some(_) if size == 0 => Requested::Whole,
            Some(length) => part(size.saturating_sub(length), size - 1),
        },
        (false, open) => match (saturating(first), if open { Some(u64::MAX) } else { saturating(last) }) {
            (Some(first), Some(last)) if first > last => Requested::Unsatisfiable,
            (Some(first), Some(_)) if first >= size => Requested::Unsatisfiable,
            (Some(first), Some(last)) => part(first, last.min(size - 1)),
            _ => Requested::Whole,
        },
    }
}

/// A number in decimal digits alone; one that does not fit is as large as can be, which no blob is.
fn saturating(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// `Content-Range` of a 206: bytes `first` to `last`, both included, of `size` (RFC 9110 section 14.4).
pub fn content_range(first: u64, last: u64, size: u64) -> String {
    format!("bytes {first}-{last}/{size}")
}

/// `Content-Range` of a download's 416: there are only `size` bytes.
pub fn unsatisfied_range(size: u64) -> String {
    format!("bytes */{size}")
}

/// `Range` of an upload's answer after `received` bytes: `0-<last>`, and `0-0` for none as well, as
/// distribution writes it.
pub fn received_range(received: u64) -> String {
    format!("0-{}", received.saturating_sub(1))
}

/// The chunk that an upload's `Content-Range` announces: `<first>-<last>`, and HTTP's own `bytes 0-9/*` too.
///
/// # Errors
/// RANGE_INVALID (416) for any other form, and for a last byte before the first.
pub fn parse_chunk_range(header: &str) -> Result<Part, ErrorResponse> {
    let text = header.trim();
    let text = match text.get(..5) {
        Some(unit) if unit.eq_ignore_ascii_case("bytes") => {
            let range = text[5..].trim_start_matches([' ', '=']);
            range.split_once('/').map_or(range, |(range, _)| range)
        }
        _ => text,
    };
    let chunk = text.split_once('-').and_then(|(first, last)| {
        let (first, last) = (saturating(first)?, saturating(last)?);
        (first <= last && last < 1 << 63).then_some(Part { first, last })
    });
    chunk.ok_or_else(|| {
        ErrorResponse::new(Code::RangeInvalid)
            .message("Content-Range of a chunk is <first>-<last>: the offsets of its first and last byte")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_range_is_answered() {
        for (header, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=0-9", 0, 9),
            ("bytes=5-", 5, 9),
            ("bytes=9-", 9, 9),
            ("bytes=3-100", 3, 9),
            ("bytes=3-99999999999999999999999999", 3, 9),
            ("bytes=-1", 9, 9),
            ("bytes=-10", 0, 9),
            ("bytes=-11", 0, 9),
            ("bytes=-99999999999999999999999999", 0, 9),
            ("BYTES= 2-3 ", 2, 3),
        ] {
            assert_eq!(parse_range(header, 10), Requested::Part(Part { first, last }), "{header}");
        }
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5",
            "bytes=a-b",
            "bytes=1-b",
            "bytes=-x",
            "bytes=0-1,x",
            "bytes=,",
            "items=0-1",
            "bytes 0-1",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=1-2-3",
            "bytes=--1",
            "bytes=٣-٤",
            "bytes=1 - 2",
        ] {
            assert_eq!(parse_range(header, 10), Requested::Whole, "{header}");
        }
    }

    #[test]
    fn of_several_ranges_those_that_are_there_are_answered_as_they_were_asked_for() {
        for (header, first, last) in [
            ("bytes=0-1,", 0, 1),
            ("bytes=, ,0-1 ,", 0, 1),
            ("bytes=0-4,100-200", 0, 4),
            ("bytes=5-4,3-3,-0", 3, 3),
        ] {
            assert_eq!(parse_range(header, 10), Requested::Part(Part { first, last }), "{header}");
        }
        for (header, parts) in [
            ("bytes=0-1,3-4", &[(0, 1), (3, 4)][..]),
            ("bytes=-1,0-0", &[(9, 9), (0, 0)]),
            ("bytes=0-4,5-9", &[(0, 4), (5, 9)]),
            ("bytes=6-7, 20-30, 2-, 2-6", &[(6, 7), (2, 9), (2, 6)]),
        ] {
            let parts = parts.iter().map(|&(first, last)| Part { first, last }).collect();
            assert_eq!(parse_range(header, 10), Requested::Parts(parts), "{header}");
        }
        assert_eq!(parse_range("bytes=10-,20-30", 10), Requested::Unsatisfiable);
    }

    #[test]
    fn a_range_past_the_end_or_its_own_beginning_is_unsatisfiable() {
        for header in
            ["bytes=10-", "bytes=10-12", "bytes=5-4", "bytes=99999999999999999999999999-", "bytes=-0"]
        {
            assert_eq!(parse_range(header, 10), Requested::Unsatisfiable, "{header}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Requested::Unsatisfiable);
        assert_eq!(parse_range("bytes=-5", 0), Requested::Whole);
        let all = Requested::Part(Part { first: 0, last: u64::MAX - 1 });
        assert_eq!(parse_range("bytes=0-", u64::MAX), all);
    }

    #[test]
    fn answers_spell_their_ranges() {
        assert_eq!(content_range(0, 9, 10), "bytes 0-9/10");
        assert_eq!(unsatisfied_range(10), "bytes */10");
        assert_eq!([0, 1, 10].map(received_range), ["0-0", "0-0", "0-9"]);
    }

    #[test]
    fn a_chunk_says_its_first_and_last_byte() {
        for header in ["5-9", " 5-9 ", "bytes 5-9/*", "bytes 5-9/10", "Bytes=5-9", "bytes 5-9"] {
            let chunk = parse_chunk_range(header).expect(header);
            assert_eq!((chunk, chunk.length()), (Part { first: 5, last: 9 }, 5), "{header}");
        }
        assert_eq!(parse_chunk_range("0-0").unwrap().length(), 1);
    }

    #[test]
    fn a_chunk_that_cannot_be_read_is_416() {
        for header in [
            "",
            "-",
            "5",
            "5-",
            "-5",
            "9-5",
            "a-b",
            "0-1-2",
            "0-1/2",
            "0--1",
            "+1-2",
            "bytes */10",
            "bytéé0-1",
            "0-9223372036854775808",
            "99999999999999999999-99999999999999999999",
            "0-1,2-3",
        ] {
            let error = parse_chunk_range(header).expect_err(header);
            assert_eq!((error.status, error.code), (416, Code::RangeInvalid), "{header}");
        }
    }
}

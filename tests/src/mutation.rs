//! Varying a request so that most of what comes out is one still: bytes that are changed anywhere are refused as no
//! HTTP, and never come to the registry.

use std::ops::Range;

/// What separates the parts of a head.
const SEPARATORS: &[u8] = b" \r\n/?&=:,;\"";

/// Varies one part of the request in the first `size` bytes of `data`, which has room for more: a part of the head,
/// or its body. `vary` does to a part what libFuzzer does to an input; `seed` chooses. Returns the new size.
pub fn vary_a_part(
    data: &mut [u8],
    size: usize,
    seed: u32,
    vary: impl Fn(&mut [u8], usize) -> usize,
) -> usize {
    let parts = parts(&data[..size]);
    let part = parts[seed as usize % parts.len()].clone();
    let is_body = parts.last() == Some(&part);
    let room = data.len() - size;
    let mut piece = data[part.clone()].to_vec();
    piece.resize(part.len() + room, 0);
    let length = vary(&mut piece, part.len()).min(piece.len());
    piece.truncate(length);
    if !is_body {
        piece.iter_mut().filter(|byte| !byte.is_ascii_graphic()).for_each(|byte| *byte = b'%');
    }
    let rest = data[part.end..size].to_vec();
    let end = part.start + piece.len();
    data[part.start..end].copy_from_slice(&piece);
    data[end..end + rest.len()].copy_from_slice(&rest);
    end + rest.len()
}

/// The parts of a request, the body last.
fn parts(input: &[u8]) -> Vec<Range<usize>> {
    let ends = [b"\r\n\r\n".as_slice(), b"\n\n"];
    let end_of = |mark: &&[u8]| Some(input.windows(mark.len()).position(|w| w == *mark)? + mark.len());
    let head = ends.iter().filter_map(end_of).min().unwrap_or(input.len());
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, byte) in input[..head].iter().enumerate() {
        if SEPARATORS.contains(byte) {
            parts.push(start..at);
            start = at + 1;
        }
    }
    parts.push(start..head);
    parts.push(head..input.len());
    parts
}

#[cfg(test)]
mod tests {
    use super::{parts, vary_a_part};

    const REQUEST: &[u8] = b"PUT /v2/a?n=1 HTTP/1.1\nHost: b\n\nbody";

    #[test]
    fn a_part_is_varied_and_the_rest_stays() {
        let mut seen = Vec::new();
        for seed in 0..parts(REQUEST).len() as u32 {
            let mut data = REQUEST.to_vec();
            data.resize(REQUEST.len() + 8, 0);
            let size = vary_a_part(&mut data, REQUEST.len(), seed, |piece, size| {
                piece[size..size + 3].copy_from_slice(b"X\nY");
                size + 3
            });
            assert_eq!(size, REQUEST.len() + 3);
            seen.push(String::from_utf8(data[..size].to_vec()).unwrap());
        }
        for expected in [
            "PUTX%Y /v2/a?n=1 HTTP/1.1\nHost: b\n\nbody",
            "PUT /v2/aX%Y?n=1 HTTP/1.1\nHost: b\n\nbody",
            "PUT /v2/a?n=1 HTTP/1.1\nHost: b\n\nbodyX\nY",
        ] {
            assert!(seen.iter().any(|text| text == expected), "{expected:?} is not in {seen:#?}");
        }
    }

    #[test]
    fn what_is_no_request_is_a_head_without_an_end() {
        assert_eq!(parts(b""), [0..0, 0..0]);
        assert_eq!(parts(b"abc"), [0..3, 3..3]);
    }
}

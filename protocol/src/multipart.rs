//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, section 14.6).

use crate::range::{Part, content_range};
use names::Digest;

/// Characters that a boundary may have at most (RFC 2046, section 5.1.1, allows 70).
const BOUNDARY: usize = 64;

/// The answer's body: each part's head, then its bytes, and at last the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// What comes before the bytes of each part, in the order of the request.
    pub parts: Vec<(String, Part)>,
    /// What comes after the last.
    pub end: String,
}

impl Multipart {
    /// Parts of a blob of `size` bytes; `none` where they, with what is around them, are no less than the whole.
    ///
    /// The boundary is of the blob's own digest: what contains that is not to be found.
    pub fn new(blob: &Digest, media_type: &str, size: u64, parts: Vec<Part>) -> Option<Multipart> {
        let boundary = &blob.hex()[..BOUNDARY.min(blob.hex().len())];
        let end = format!("\r\n--{boundary}--\r\n");
        let mut length = end.len() as u64;
        let mut said = Vec::with_capacity(parts.len());
        for part in parts {
            let line = if said.is_empty() { "" } else { "\r\n" };
            let range = content_range(part.first, part.last, size);
            let head =
                format!("{line}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n");
            length = length.saturating_add(head.len() as u64).saturating_add(part.length());
            if length >= size {
                return None;
            }
            said.push((head, part));
        }
        Some(Multipart {
            content_type: format!("multipart/byteranges; boundary={boundary}"),
            parts: said,
            end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "application/octet-stream";

    fn digest(algorithm: &str, length: usize) -> Digest {
        format!("{algorithm}:{}", "ab".repeat(length / 2)).parse().unwrap()
    }

    #[test]
    fn parts_come_in_the_order_of_the_request_each_with_its_range() {
        let parts = vec![Part { first: 900, last: 901 }, Part { first: 0, last: 0 }];
        let made = Multipart::new(&digest("sha256", 64), TYPE, 1000, parts).unwrap();
        let boundary = "ab".repeat(32);
        assert_eq!(made.content_type, format!("multipart/byteranges; boundary={boundary}"));
        let head = |range: &str| {
            format!("--{boundary}\r\nContent-Type: {TYPE}\r\nContent-Range: bytes {range}/1000\r\n\r\n")
        };
        assert_eq!(made.parts[0].0, head("900-901"));
        assert_eq!(made.parts[1].0, format!("\r\n{}", head("0-0")));
        assert_eq!(made.end, format!("\r\n--{boundary}--\r\n"));
    }

    #[test]
    fn a_boundary_has_70_characters_at_most() {
        let parts = vec![Part { first: 0, last: 0 }, Part { first: 9, last: 9 }];
        let made = Multipart::new(&digest("sha512", 128), TYPE, 1000, parts).unwrap();
        assert_eq!(made.content_type.rsplit_once('=').unwrap().1.len(), 64);
    }

    #[test]
    fn parts_that_are_no_less_than_the_whole_are_not_worth_it() {
        let sha = digest("sha256", 64);
        let two = |last| vec![Part { first: 0, last: 0 }, Part { first: 1, last }];
        let around: usize = {
            let made = Multipart::new(&sha, TYPE, 1000, two(1)).unwrap();
            made.parts.iter().map(|(head, _)| head.len()).sum::<usize>() + made.end.len()
        };
        let room = 1000 - around as u64;
        // "1-999" has two digits more than "1-1".
        assert!(Multipart::new(&sha, TYPE, 1000, two(room - 4)).is_some());
        assert_eq!(Multipart::new(&sha, TYPE, 1000, two(room)), None);
        let all = vec![Part { first: 0, last: u64::MAX - 1 }; 3];
        assert_eq!(Multipart::new(&sha, TYPE, u64::MAX, all), None);
    }
}

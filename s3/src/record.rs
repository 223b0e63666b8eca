//! What is kept of an upload between two requests.

use crate::request::{MAX_PART, Part};

/// How a kept upload begins; the number is the format's.
const MAGIC: &str = "pierhead upload 1";

/// In how many bytes of a kept upload it says how large it is.
pub const HEAD: u64 = 64;

/// An upload under way: parts that the bucket has, and what follows on them. Kept as one object, so that it is
/// replaced whole:
///
/// ```text
/// pierhead upload 1
/// size <bytes>                of parts and tail
/// upload <id>                 where there are parts
/// data <number>               where that upload makes an object that has not the usual name
/// at <number>                 the next part's, where it does not follow on the last one's
/// part <length> <entity tag>  each of them, in order
/// used <number>               the highest that a part may have been sent with, where it is none of theirs
/// writer <number>             drawn at random by whoever took the numbers up to that
/// state <length>
/// tail <length>
///                             and after the empty line the bytes of state and tail
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The bucket's name for the upload in parts, where one was begun.
    pub upload: Option<String>,
    /// What tells the object that the upload makes from others, where it was begun again: each has one of its own.
    pub data: Option<u64>,
    /// The parts, in the order of their numbers.
    pub parts: Vec<Part>,
    /// The highest number that a part may have been sent with, be it one that does not count.
    pub used: u32,
    /// Who took the numbers up to that for parts of his own. Two who take the same ones write different records.
    pub writer: Option<u64>,
    /// What the store keeps with the upload: the state of its hash function.
    pub state: Vec<u8>,
    /// The bytes that come after the parts.
    pub tail: Vec<u8>,
}

impl Record {
    /// How many bytes the parts have.
    pub fn in_parts(&self) -> u64 {
        self.parts.iter().map(|part| part.length).sum()
    }

    /// How many bytes the upload has.
    pub fn size(&self) -> u64 {
        self.in_parts() + self.tail.len() as u64
    }

    /// The size that a kept upload says of itself in its first [`HEAD`] bytes.
    pub fn size_in(head: &[u8]) -> Option<u64> {
        let mut lines = head.split(|byte| *byte == b'\n');
        if lines.next()? != MAGIC.as_bytes() {
            return None;
        }
        let size = std::str::from_utf8(lines.next()?).ok()?.strip_prefix("size ")?;
        // The line ends within what was read.
        lines.next()?;
        size.parse().ok()
    }

    /// As it is kept.
    pub fn encode(&self) -> Vec<u8> {
        let mut head = format!("{MAGIC}\nsize {}\n", self.size());
        if let Some(id) = &self.upload {
            head += &format!("upload {id}\n");
        }
        if let Some(data) = self.data {
            head += &format!("data {data}\n");
        }
        let mut last = 0;
        for Part { number, length, etag } in &self.parts {
            if *number != last + 1 {
                head += &format!("at {number}\n");
            }
            head += &format!("part {length} {etag}\n");
            last = *number;
        }
        if self.used > last {
            head += &format!("used {}\n", self.used);
        }
        if let Some(writer) = self.writer {
            head += &format!("writer {writer}\n");
        }
        head += &format!("state {}\ntail {}\n\n", self.state.len(), self.tail.len());
        [head.as_bytes(), &self.state, &self.tail].concat()
    }

    /// `None` when it is damaged, or of another format.
    pub fn decode(bytes: &[u8]) -> Option<Record> {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, rest) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]);
        let mut lines = head.lines();
        if lines.next()? != MAGIC {
            return None;
        }
        let size: u64 = lines.next()?.strip_prefix("size ")?.parse().ok()?;
        let (mut record, mut lengths, mut next) = (Record::default(), [None, None], 1);
        for line in lines {
            match line.split_once(' ')? {
                ("upload", id) => record.upload = Some(id.to_owned()),
                ("data", data) => record.data = Some(data.parse().ok()?),
                ("part", part) => {
                    let (length, etag) = part.split_once(' ')?;
                    let (number, length) = (next, length.parse().ok()?);
                    record.parts.push(Part { number, length, etag: etag.to_owned() });
                    (record.used, next) = (number, next + 1);
                }
                ("at", number) => next = later(number, next)?,
                ("used", number) => record.used = later(number, next)?,
                ("writer", writer) => record.writer = Some(writer.parse().ok()?),
                ("state", length) => lengths[0] = Some(length.parse().ok()?),
                ("tail", length) => lengths[1] = Some(length.parse::<usize>().ok()?),
                _ => return None,
            }
        }
        let [Some(state), Some(tail)] = lengths else { return None };
        if rest.len() != usize::checked_add(state, tail)?
            || (record.upload.is_none() && !record.parts.is_empty())
        {
            return None;
        }
        (record.state, record.tail) = (rest[..state].to_vec(), rest[state..].to_vec());
        (record.size() == size).then_some(record)
    }
}

/// A number that a part can have, `least` or more.
fn later(text: &str, least: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (least..=MAX_PART).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, length: u64, etag: &str) -> Part {
        Part { number, length, etag: etag.into() }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let record = Record {
            upload: Some("2~id/+=".into()),
            data: Some(u64::MAX),
            parts: vec![part(1, 5 << 20, "\"e 1\""), part(2, 7 << 20, "\"e2\"")],
            used: 2,
            writer: None,
            state: b"\n\nstate".to_vec(),
            tail: b"tail\0\n\n".to_vec(),
        };
        assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
        assert_eq!((record.in_parts(), record.size()), (12 << 20, (12 << 20) + 7));
        assert_eq!(Record::size_in(&record.encode()[..HEAD as usize]), Some((12 << 20) + 7));
        assert_eq!(Record::size_in(b"pierhead upload 1\nsize 12"), None);
        assert_eq!(Record::decode(&Record::default().encode()), Some(Record::default()));
    }

    #[test]
    fn parts_keep_their_numbers() {
        let parts = vec![part(1, 5, "a"), part(4, 6, "b"), part(5, 7, "c"), part(MAX_PART, 8, "d")];
        let used = MAX_PART;
        let record = Record { upload: Some("u".into()), parts, used, writer: None, ..Record::default() };
        assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
        let record = Record { parts: record.parts[..2].to_vec(), used: 104, writer: Some(7), ..record };
        assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
        // As it was written before there were gaps.
        let plain = b"pierhead upload 1\nsize 12\nupload u\npart 5 a\npart 7 b\nstate 0\ntail 0\n\n";
        let parts = vec![part(1, 5, "a"), part(2, 7, "b")];
        let record = Record { upload: Some("u".into()), parts, used: 2, ..Record::default() };
        assert_eq!(Record::decode(plain), Some(record.clone()));
        assert_eq!(record.encode(), plain);
        for line in ["at 0", "at 1", "at 10001", "at x", "used 1", "used 10001", "writer"] {
            let text = format!("pierhead upload 1\nsize 5\nupload u\npart 5 a\n{line}\nstate 0\ntail 0\n\n");
            assert_eq!(Record::decode(text.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_damaged_is_none() {
        let whole = Record { tail: b"tail".to_vec(), ..Record::default() }.encode();
        for end in 0..whole.len() {
            assert_eq!(Record::decode(&whole[..end]), None, "{end}");
        }
        assert_eq!(Record::decode(&[&whole[..], b"x"].concat()), None);
        assert_eq!(Record::decode(b"pierhead upload 1\nsize 5\npart 5 e\nstate 0\ntail 0\n\n"), None);
    }
}

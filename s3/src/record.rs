//! What is kept of an upload between two requests.

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
/// part <length> <entity tag>  each of them, in order
/// state <length>
/// tail <length>
///                             and after the empty line the bytes of state and tail
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The bucket's name for the upload in parts, where one was begun.
    pub upload: Option<String>,
    /// The parts' lengths and entity tags.
    pub parts: Vec<(u64, String)>,
    /// What the store keeps with the upload: the state of its hash function.
    pub state: Vec<u8>,
    /// The bytes that come after the parts.
    pub tail: Vec<u8>,
}

impl Record {
    /// How many bytes the parts have.
    pub fn in_parts(&self) -> u64 {
        self.parts.iter().map(|(length, _)| length).sum()
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
        for (length, etag) in &self.parts {
            head += &format!("part {length} {etag}\n");
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
        let (mut record, mut lengths) = (Record::default(), [None, None]);
        for line in lines {
            match line.split_once(' ')? {
                ("upload", id) => record.upload = Some(id.to_owned()),
                ("part", part) => {
                    let (length, etag) = part.split_once(' ')?;
                    record.parts.push((length.parse().ok()?, etag.to_owned()));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let record = Record {
            upload: Some("2~id/+=".into()),
            parts: vec![(5 << 20, "\"e 1\"".into()), (7 << 20, "\"e2\"".into())],
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
    fn what_is_damaged_is_none() {
        let whole = Record { tail: b"tail".to_vec(), ..Record::default() }.encode();
        for end in 0..whole.len() {
            assert_eq!(Record::decode(&whole[..end]), None, "{end}");
        }
        assert_eq!(Record::decode(&[&whole[..], b"x"].concat()), None);
        assert_eq!(Record::decode(b"pierhead upload 1\nsize 5\npart 5 e\nstate 0\ntail 0\n\n"), None);
    }
}

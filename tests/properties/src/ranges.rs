//! Ranges of downloads and of chunks.

use protocol::range::{
    ChunkRange, Requested, content_range, parse_chunk_range, parse_range, received_range, unsatisfied_range,
};

/// The number in the first bytes of an input, and the rest.
fn number(input: &[u8]) -> (u64, &[u8]) {
    match input.split_first_chunk::<8>() {
        Some((bytes, rest)) => (u64::from_le_bytes(*bytes), rest),
        None => (0, input),
    }
}

/// The input is a size in 8 bytes, and a `Range`.
pub(crate) fn of_a_download(input: &[u8]) {
    let (size, header) = number(input);
    let header = crate::text(header);
    let requested = parse_range(&header, size);
    if let Requested::Part { first, last } = requested {
        assert!(first <= last && last < size, "{header:?} of {size} bytes is {first} to {last}");
        assert!(crate::fits_a_header(&content_range(first, last, size)));
        assert_eq!(parse_range(&format!("bytes={first}-{last}"), size), requested);
        assert_eq!(parse_range(&format!("bytes={first}-"), last + 1), requested);
        assert_eq!(
            parse_range(&format!("bytes=-{}", size - first), size),
            parse_range(&format!("bytes={first}-"), size)
        );
    }
    let (first, rest) = number(header.as_bytes());
    let (last, _) = number(rest);
    let expected = match (first, last) {
        _ if first > last || first >= size => Requested::Unsatisfiable,
        _ => Requested::Part { first, last: last.min(size - 1) },
    };
    assert_eq!(parse_range(&format!("bytes={first}-{last}"), size), expected);
    assert!(crate::fits_a_header(&unsatisfied_range(size)));
}

/// The input is a `Content-Range`.
pub(crate) fn of_a_chunk(input: &[u8]) {
    let header = crate::text(input);
    match parse_chunk_range(&header) {
        Ok(chunk) => {
            let ChunkRange { first, last } = chunk;
            assert!(first <= last && last < 1 << 63, "{header:?} is {first} to {last}");
            assert_eq!(first + (chunk.length() - 1), last);
            for same in [format!("{first}-{last}"), format!("bytes {first}-{last}/*")] {
                assert_eq!(parse_chunk_range(&same), Ok(chunk), "{same}");
            }
            assert_eq!(received_range(last + 1), format!("0-{last}"));
        }
        Err(error) => {
            crate::refused(&error);
            assert_eq!(error.status, 416, "{header:?}: {error}");
        }
    }
}

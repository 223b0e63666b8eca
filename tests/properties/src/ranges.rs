//! Ranges of downloads and of chunks.

use protocol::multipart::Multipart;
use protocol::range::{
    Part, Requested, content_range, parse_chunk_range, parse_range, received_range, unsatisfied_range,
};

/// Of which blob the parts are.
const BLOB: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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
    let parts: &[Part] = match &requested {
        Requested::Part(part) => std::slice::from_ref(part),
        Requested::Parts(parts) => parts,
        Requested::Whole | Requested::Unsatisfiable => &[],
    };
    for &Part { first, last } in parts {
        assert!(first <= last && last < size, "{header:?} of {size} bytes is {first} to {last}");
        assert!(crate::fits_a_header(&content_range(first, last, size)));
        let alone = Requested::Part(Part { first, last });
        assert_eq!(parse_range(&format!("bytes={first}-{last}"), size), alone);
        assert_eq!(parse_range(&format!("bytes={first}-"), last + 1), alone);
        assert_eq!(
            parse_range(&format!("bytes=-{}", size - first), size),
            parse_range(&format!("bytes={first}-"), size)
        );
    }
    if parts.len() > 1
        && let Some(made) =
            Multipart::new(&BLOB.parse().expect("a digest"), "text/plain", size, parts.to_vec())
    {
        let around =
            made.parts.iter().map(|(head, _)| head.len() as u64).sum::<u64>() + made.end.len() as u64;
        let within = parts.iter().map(|part| part.length()).sum::<u64>();
        assert!(around + within < size, "{header:?}: {around} and {within} bytes of {size}");
        assert!(crate::fits_a_header(&made.content_type));
    }
    let (first, rest) = number(header.as_bytes());
    let (last, _) = number(rest);
    let expected = match (first, last) {
        _ if first > last || first >= size => Requested::Unsatisfiable,
        _ => Requested::Part(Part { first, last: last.min(size - 1) }),
    };
    assert_eq!(parse_range(&format!("bytes={first}-{last}"), size), expected);
    assert!(crate::fits_a_header(&unsatisfied_range(size)));
}

/// The input is a `Content-Range`.
pub(crate) fn of_a_chunk(input: &[u8]) {
    let header = crate::text(input);
    match parse_chunk_range(&header) {
        Ok(chunk) => {
            let Part { first, last } = chunk;
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

//! What the service says, in XML and in headers.

use crate::place::Place;
use s3::{Entries, Entry, Listed, ServiceError, below, leaves};

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copying {
    /// The object was never copied, or is there whole.
    Done,
    /// It is still being copied, and not there yet.
    Pending,
    /// It was not copied, and what is there is none.
    Failed,
}

/// What the header `x-ms-copy-status` says, where there is one.
pub fn copying(status: Option<&str>) -> Copying {
    match status {
        None | Some("success") => Copying::Done,
        Some("pending") => Copying::Pending,
        Some(_) => Copying::Failed,
    }
}

/// The error that an answer tells, in the header `x-ms-error-code` or in its body.
pub fn service_error(code: Option<String>, body: &[u8]) -> ServiceError {
    let mut error = s3::service_error(body);
    // What follows on the first line is of use to nobody but Microsoft.
    error.message.truncate(error.message.find('\n').unwrap_or(error.message.len()));
    if let Some(code) = code {
        error.code = code;
    }
    error
}

/// A page of the list that begins with `prefix`, as the container has it; `None` where it is no such thing.
pub fn listed(body: &[u8], place: &Place, prefix: &str) -> Option<Listed> {
    let prefix = place.key(prefix);
    let mut names = Vec::new();
    let next = page(body, |name, text| {
        if let "Blob/Name" | "BlobPrefix/Name" = name {
            names.extend(below(&text, &prefix));
        }
    })?;
    Some(Listed { names, next })
}

/// A page of the list of objects whose keys begin with `prefix`, as the container has it; `None` where it is no such thing, or does
/// not say of each what there is to say.
pub fn entries(body: &[u8], place: &Place, prefix: &str) -> Option<Entries> {
    let prefix = place.key(prefix);
    let (mut names, mut sizes, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let next = page(body, |name, text| match name {
        "Blob/Name" => names.push(text),
        "Blob/Properties/Content-Length" => sizes.push(text.parse().ok()),
        "Blob/Properties/Last-Modified" => times.push(text),
        _ => {}
    })?;
    if names.len() != sizes.len() || names.len() != times.len() {
        return None;
    }
    let mut entries = Vec::with_capacity(names.len());
    for ((name, size), modified) in names.iter().zip(sizes).zip(times) {
        if let Some(name) = below(name, &prefix) {
            entries.push(Entry { name, size: size?, modified });
        }
    }
    Some(Entries { entries, next })
}

/// Where the page after this one begins, where there is one; `each` gets what the list says, by its path in it. `None` where it is no
/// list.
fn page(body: &[u8], mut each: impl FnMut(&str, String)) -> Option<Option<String>> {
    // Every list ends with it, be it empty.
    let mut next = None;
    leaves(body, |path, text| {
        if path == "EnumerationResults/NextMarker" {
            next = Some(text);
        } else if let Some(name) = path.strip_prefix("EnumerationResults/Blobs/") {
            each(name, text);
        }
    })?;
    next.map(|next| Some(next).filter(|next| !next.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::new("https://h", "c", "r&d").unwrap()
    }

    fn blob(name: &str, properties: &str) -> String {
        format!("<Blob><Name>r&amp;d/t/{name}</Name><Properties>{properties}</Properties></Blob>")
    }

    fn list(blobs: &str, next: &str) -> String {
        format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"c\"><Prefix>r&amp;d/t/</Prefix>\
             <Blobs>{blobs}</Blobs>{next}</EnumerationResults>"
        )
    }

    #[test]
    fn a_list_has_objects_and_prefixes_without_what_was_asked_for() {
        let prefix = "<BlobPrefix><Name>r&amp;d/t/v1/</Name></BlobPrefix>";
        let body = list(&(blob("a&amp;b", "") + prefix), "<NextMarker>2!8=</NextMarker>");
        let listed = listed(body.as_bytes(), &place(), "t/").unwrap();
        assert_eq!(listed.names, ["a&b", "v1/"]);
        assert_eq!(listed.next.as_deref(), Some("2!8="));
    }

    #[test]
    fn a_list_of_objects_says_of_each_how_long_and_how_old_it_is() {
        let told =
            "<Last-Modified>Tue, 24 Nov 2026 03:00:00 GMT</Last-Modified><Content-Length>7</Content-Length>";
        let body = list(&blob("a/b", told), "<NextMarker />");
        let modified = "Tue, 24 Nov 2026 03:00:00 GMT".to_owned();
        let entry = Entry { name: "a/b".into(), size: 7, modified };
        let page = entries(body.as_bytes(), &place(), "t/").unwrap();
        assert_eq!(page, Entries { entries: vec![entry], next: None });
        let lacking =
            list(&(blob("a", told) + &blob("b", "<Content-Length>7</Content-Length>")), "<NextMarker/>");
        assert_eq!(entries(lacking.as_bytes(), &place(), "t/"), None);
    }

    #[test]
    fn what_is_no_list_is_none() {
        for body in ["", "<a></b>", "<html><body>Welcome</body></html>", &list(&blob("a", ""), "")] {
            assert_eq!(listed(body.as_bytes(), &place(), ""), None, "{body}");
        }
    }

    #[test]
    fn an_error_has_a_code_and_a_line_for_people() {
        let body = b"\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>ServerBusy</Code><Message>It is busy.\nRequestId:1\nTime:2</Message></Error>";
        let error = service_error(None, body);
        assert_eq!((&*error.code, &*error.message), ("ServerBusy", "It is busy."));
        // A HEAD has no body.
        assert_eq!(service_error(Some("BlobNotFound".into()), b"").code, "BlobNotFound");
    }
}

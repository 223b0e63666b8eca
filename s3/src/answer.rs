//! What a bucket says, in XML. All of it is small; whoever reads it off the wire bounds it.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// An error as S3 tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceError {
    /// For programs: `NoSuchKey`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Objects and, in a list by level, prefixes, without the prefix that was asked for; in no order. A prefix ends with a
    /// slash.
    pub names: Vec<String>,
    /// Where the next page begins, where there is one.
    pub next: Option<String>,
}

/// An object in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its key, without the prefix that was asked for.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was written, as the list spells it.
    pub modified: String,
}

/// A page of a list of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// In the order of their keys.
    pub entries: Vec<Entry>,
    /// Where the next page begins, where there is one.
    pub next: Option<String>,
}

/// What became of a copy, or of the completion of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It is there, and has this entity tag, where it was told.
    Done(Option<String>),
    /// It failed after the status was sent.
    Failed(ServiceError),
    /// This was no such answer.
    Unreadable,
}

/// Calls `each` with the path (`Error/Code`) and the text of every element that has no elements in it; `None` where it
/// is not XML.
pub fn leaves(xml: &[u8], mut each: impl FnMut(&str, String)) -> Option<()> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).ok()?);
    let (mut path, mut text, mut leaf, mut elements) = (String::new(), String::new(), false, 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(start.local_name().into_inner());
                text.clear();
                (leaf, elements) = (true, elements + 1);
            }
            Event::Empty(element) if !path.is_empty() => {
                each(&[&*path, "/", element.local_name().into_inner()].concat(), String::new());
                leaf = false;
            }
            Event::Text(part) => text.push_str(&part.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().ok()? {
                Some(character) => text.push(character),
                None => text.push_str(resolve_predefined_entity(&entity)?),
            },
            Event::End(_) => {
                if leaf {
                    each(&path, std::mem::take(&mut text));
                }
                leaf = false;
                path.truncate(path.rfind('/').unwrap_or(0));
            }
            Event::Eof => return (elements > 0 && path.is_empty()).then_some(()),
            _ => {}
        }
    }
}

/// The error in an answer's body; an empty one where there is none.
pub fn service_error(body: &[u8]) -> ServiceError {
    let mut error = ServiceError::default();
    let _ = leaves(body, |path, text| match path {
        "Error/Code" => error.code = text,
        "Error/Message" => error.message = text,
        _ => {}
    });
    error
}

/// The id of an upload that was begun.
pub fn upload_id(body: &[u8]) -> Option<String> {
    let mut id = None;
    leaves(body, |path, text| {
        if path == "InitiateMultipartUploadResult/UploadId" {
            id = Some(text);
        }
    })?;
    id.filter(|id| !id.is_empty())
}

/// What [`Request::copy`](crate::Request::copy), `copy_part` and `complete_upload` were answered. Such an answer is
/// begun before the work is done, and its status says nothing.
pub fn copied(body: &[u8]) -> Copied {
    let (mut etag, mut error, mut known) = (None, None::<ServiceError>, false);
    let read = leaves(body, |path, text| {
        let (root, name) = path.split_once('/').unwrap_or((path, ""));
        match (root, name) {
            ("Error", _) => {
                let error = error.get_or_insert_default();
                match name {
                    "Code" => error.code = text,
                    "Message" => error.message = text,
                    _ => {}
                }
            }
            ("CopyObjectResult" | "CopyPartResult" | "CompleteMultipartUploadResult", _) => {
                known = true;
                if name == "ETag" && !text.is_empty() {
                    etag = Some(text);
                }
            }
            _ => {}
        }
    });
    match (read, error, known) {
        (_, Some(error), _) => Copied::Failed(error),
        (Some(()), None, true) => Copied::Done(etag),
        _ => Copied::Unreadable,
    }
}

/// A page of the list of objects whose keys begin with `prefix`, as the bucket has it; `None` where it is no such thing, or does not
/// say of each what there is to say.
pub fn entries(body: &[u8], place: &crate::Place, prefix: &str) -> Option<Entries> {
    let prefix = place.key(prefix);
    let (mut names, mut sizes, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let next = page(body, |name, text| match name {
        "Contents/Key" => names.push(text),
        "Contents/Size" => sizes.push(text.parse().ok()),
        "Contents/LastModified" => times.push(text),
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

/// A page of the list that begins with `prefix`, as the bucket has it; `None` where it is no such thing.
pub fn listed(body: &[u8], place: &crate::Place, prefix: &str) -> Option<Listed> {
    let prefix = place.key(prefix);
    let mut names = Vec::new();
    let next = page(body, |name, text| {
        if let "Contents/Key" | "CommonPrefixes/Prefix" = name {
            names.extend(below(&text, &prefix));
        }
    })?;
    Some(Listed { names, next })
}

/// A name without the prefix that was asked for. What has the prefix's own name is a folder that some programs mark.
pub fn below(name: &str, prefix: &str) -> Option<String> {
    name.strip_prefix(prefix).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Where the page after this one begins, where there is one; `each` gets what the list says, by its path in it. `None` where it is no
/// list.
fn page(body: &[u8], mut each: impl FnMut(&str, String)) -> Option<Option<String>> {
    let (mut truncated, mut next) = (None, None);
    leaves(body, |path, text| match path.strip_prefix("ListBucketResult/") {
        Some("IsTruncated") => truncated = Some(text == "true"),
        Some("NextContinuationToken") => next = Some(text),
        Some(name) => each(name, text),
        None => {}
    })?;
    // Every list says so; what does not is another page, of a console perhaps.
    let truncated = truncated?;
    let next = next.filter(|next: &String| truncated && !next.is_empty());
    (!truncated || next.is_some()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn place() -> crate::Place {
        let get = |name: &str| Some(if name.ends_with("rootdirectory") { "r&d" } else { "true" }.to_owned());
        let get = |name: &str| match name {
            "storage.s3.chunksize" | "storage.s3.regionendpoint" | "limits.uploadmemory" => None,
            name if name.contains("multipartcopy") => None,
            name => get(name),
        };
        Settings::read(get).unwrap().place
    }

    #[test]
    fn a_list_has_objects_and_prefixes_without_what_was_asked_for() {
        let body = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix>r&amp;d/t/</Prefix>
            <IsTruncated>true</IsTruncated><NextContinuationToken>1+/=</NextContinuationToken>
            <Contents><Key>r&amp;d/t/</Key><Size>0</Size></Contents>
            <Contents><Key>r&amp;d/t/a&#38;b</Key><ETag>&quot;x&quot;</ETag><Size>2</Size></Contents>
            <CommonPrefixes><Prefix>r&amp;d/t/v1/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let listed = listed(body, &place(), "t/").unwrap();
        assert_eq!(listed.names, ["a&b", "v1/"]);
        assert_eq!(listed.next.as_deref(), Some("1+/="));
    }

    #[test]
    fn a_list_of_objects_says_of_each_how_long_and_how_old_it_is() {
        let object = |key: &str, rest: &str| format!("<Contents><Key>r&amp;d/t/{key}</Key>{rest}</Contents>");
        let list = |objects: &str| {
            format!("<ListBucketResult>{objects}<IsTruncated>false</IsTruncated></ListBucketResult>")
        };
        let told = "<LastModified>2026-11-23T16:00:00.000Z</LastModified><Size>7</Size>";
        let whole = list(&(object("", told) + &object("a/b", told)));
        let entry = Entry { name: "a/b".into(), size: 7, modified: "2026-11-23T16:00:00.000Z".into() };
        let page = entries(whole.as_bytes(), &place(), "t/").unwrap();
        assert_eq!(page, Entries { entries: vec![entry], next: None });
        for rest in [
            "<Size>7</Size>",
            "<LastModified>x</LastModified>",
            "<LastModified>x</LastModified><Size>-1</Size>",
        ] {
            let lacking = list(&(object("a", told) + &object("b", rest)));
            assert_eq!(entries(lacking.as_bytes(), &place(), "t/"), None, "{rest}");
        }
    }

    #[test]
    fn what_is_no_list_is_none() {
        let cut = &b"<ListBucketResult><IsTruncated>false</IsTruncated>"[..];
        let more_but_not_where = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        for body in
            [cut, more_but_not_where, b"", b"not xml", b"<a></b>", b"<html><body>Welcome</body></html>"]
        {
            assert_eq!(listed(body, &place(), ""), None, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn an_error_has_a_code_and_a_message() {
        let body = b"<Error><Code>NoSuchKey</Code><Message>It&apos;s gone</Message><Key>k</Key></Error>";
        let error = service_error(body);
        assert_eq!((&*error.code, &*error.message), ("NoSuchKey", "It's gone"));
        assert_eq!(service_error(b"<html><p>Bad gateway"), ServiceError::default());
    }

    #[test]
    fn a_copy_can_fail_after_its_status() {
        let done = b"<CopyPartResult><ETag>&#34;e&#34;</ETag></CopyPartResult>";
        assert_eq!(copied(done), Copied::Done(Some("\"e\"".into())));
        let failed = b"  \n  <Error><Code>InternalError</Code><Message>m</Message></Error>";
        assert!(matches!(copied(failed), Copied::Failed(error) if error.code == "InternalError"));
        assert_eq!(copied(b""), Copied::Unreadable);
        assert_eq!(copied(b"<html></html>"), Copied::Unreadable);
    }

    #[test]
    fn an_upload_has_an_id() {
        let body = b"<InitiateMultipartUploadResult><Key>k</Key><UploadId>u-1</UploadId></InitiateMultipartUploadResult>";
        assert_eq!(upload_id(body).as_deref(), Some("u-1"));
        assert_eq!(upload_id(b"<InitiateMultipartUploadResult/>"), None);
    }
}

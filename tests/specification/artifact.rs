//! Manifests that are about others, and the list of them.
use names::Digest;
use serde_json::{Value, json};
use tests::{OCI_INDEX, OCI_MANIFEST, Request, Response, Server, descriptor, push_blob, sha256};

/// The media type of the configuration of [`image`].
pub const CONFIG: &str = "application/vnd.example.config.v1+json";

/// An image without layers, whose configuration is in the repository.
pub fn image(server: &Server, repository: &str) -> Value {
    push_blob(server, repository, b"{}");
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(CONFIG, b"{}"),
        "layers": [],
    })
}

/// An index that lists nothing.
pub fn empty_index() -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
}

/// The same manifest with these fields too.
pub fn with(mut manifest: Value, fields: Value) -> Value {
    let fields = fields.as_object().expect("fields are an object").clone();
    manifest.as_object_mut().expect("a manifest is an object").extend(fields);
    manifest
}

/// What another manifest's `subject` says of this one.
pub fn subject(manifest: &Value) -> Value {
    let media_type = manifest["mediaType"].as_str().expect("a media type");
    descriptor(media_type, manifest.to_string().as_bytes())
}

/// The digest under which [`put`] pushes it.
pub fn digest(manifest: &Value) -> Digest {
    sha256(manifest.to_string().as_bytes())
}

/// Pushes a manifest as the type it says, whatever the answer. `target` is a tag or a digest, and may have a query.
pub fn put(server: &Server, repository: &str, target: &str, manifest: &Value) -> Response {
    let media_type = manifest["mediaType"].as_str().expect("a media type");
    let request = Request::put(&format!("/v2/{repository}/manifests/{target}"), manifest.to_string());
    server.request(&request.header("Content-Type", media_type))
}

/// Pushes a manifest by its digest.
#[track_caller]
pub fn push(server: &Server, repository: &str, manifest: &Value) -> Digest {
    let digest = digest(manifest);
    put(server, repository, digest.as_str(), manifest).expect(201);
    digest
}

/// Asks for the referrers of a digest, with a query or an empty one.
#[track_caller]
pub fn ask(server: &Server, repository: &str, digest: &Digest, query: &str) -> Response {
    server.get(&format!("/v2/{repository}/referrers/{digest}{query}")).expect(200)
}

/// The descriptors of an answer.
#[track_caller]
pub fn listed(response: &Response) -> Vec<Value> {
    response.json()["manifests"].as_array().unwrap_or_else(|| panic!("no list: {response}")).clone()
}

/// The digests of the descriptors of an answer.
#[track_caller]
pub fn digests(response: &Response) -> Vec<String> {
    listed(response).iter().map(|found| found["digest"].as_str().expect("a digest").to_owned()).collect()
}

/// The target of `Link: <…>; rel="next"` (RFC 8288).
#[track_caller]
pub fn next(response: &Response) -> Option<String> {
    let link = response.header("Link")?;
    let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let (target, rest) = target.unwrap_or_else(|| panic!("no link: {response}"));
    assert_eq!(rest, "; rel=\"next\"", "{response}");
    Some(target.to_owned())
}

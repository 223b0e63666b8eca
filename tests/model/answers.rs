//! What an answer has to be, whatever the registry holds.
use crate::model::Outcome;
use names::Digest;
use std::collections::BTreeSet;
use tests::Response;

/// What came of an operation, or what is wrong with its answers.
pub type Result<T = Outcome> = std::result::Result<T, String>;

/// The answer, if it has this status.
pub fn expect(response: Response, status: u16) -> Result<Response> {
    match response.status == status {
        true => Ok(response),
        false => Err(format!("{status} was due: {response}")),
    }
}

/// Holds an answer to be one of these refusals; a HEAD's has no body to look at.
pub fn expect_code(response: &Response, statuses: &[u16], codes: &[&str]) -> Result<()> {
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = body["errors"][0]["code"].as_str().unwrap_or_default();
    let bare = response.body.is_empty() && response.header("Content-Length") != Some("0");
    match statuses.contains(&response.status) && (bare || codes.contains(&code)) {
        true => Ok(()),
        false => Err(format!("{statuses:?} {codes:?} was due: {response}")),
    }
}

/// The answer, if it has this status; none if it says that there is no such thing.
pub fn found(response: Response, status: u16, unknown: &str) -> Result<Option<Response>> {
    if response.status == 404 {
        // A repository that has nothing else may be said to be unknown itself.
        return expect_code(&response, &[404], &[unknown, "NAME_UNKNOWN"]).map(|()| None);
    }
    expect(response, status).map(Some)
}

/// Holds an answer to name this digest.
pub fn named(response: &Response, digest: &Digest) -> Result<()> {
    match response.header("Docker-Content-Digest") == Some(digest.as_str()) {
        true => Ok(()),
        false => Err(format!("{digest} was due: {response}")),
    }
}

/// The digest of the content that was served, which has to be the bytes that were once pushed under it.
pub fn served<'b>(
    response: Response,
    method: &str,
    unknown: &str,
    pushed: impl FnOnce(&Digest) -> Option<&'b Vec<u8>>,
) -> Result<Option<Digest>> {
    let Some(response) = found(response, 200, unknown)? else { return Ok(None) };
    let digest: Option<Digest> =
        response.header("Docker-Content-Digest").and_then(|digest| digest.parse().ok());
    let bytes = digest.as_ref().and_then(pushed);
    let length = bytes.map(|bytes| bytes.len().to_string());
    let whole = method == "HEAD" || Some(&response.body) == bytes;
    match bytes.is_some() && whole && response.header("Content-Length") == length.as_deref() {
        true => Ok(digest),
        false => Err(format!("these are not the bytes that were pushed: {response}")),
    }
}

/// The digests that a refused manifest needs.
pub fn missing(response: &Response) -> Result<BTreeSet<String>> {
    expect_code(response, &[400, 404], &["MANIFEST_BLOB_UNKNOWN"])?;
    let errors = response.json()["errors"].as_array().cloned().unwrap_or_default();
    let named = errors.iter().filter_map(|error| error["detail"]["digest"].as_str().map(str::to_owned));
    let named: BTreeSet<_> = named.collect();
    match named.is_empty() {
        true => Err(format!("it names nothing that is missing: {response}")),
        false => Ok(named),
    }
}

use super::{GOOD_FOR, Names, Service, Signer, State};
use names::Algorithm;
use objects::Error;
use s3::{
    Begin, Condition, Copied, Entries, Keys, Kind, Listed, Method, Part, Payload, Place, Request,
    ServiceError, Signed, Source,
};
use std::time::UNIX_EPOCH;
use tree::hash::digest_of;

/// How many names S3 tells at once at most.
const MAX_PAGE: usize = 1000;

/// Whoever has these keys of AWS's kind.
pub struct Signing {
    place: Place,
    keys: Keys,
}

impl Signing {
    /// To the bucket there.
    pub fn new(place: &Place, keys: Keys) -> Signing {
        Signing { place: place.clone(), keys }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    platform::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Signer for Signing {
    fn sign(&self, request: &Request, _: usize) -> Result<Signed, String> {
        self.keys.sign(&self.place, request, now()).map_err(|error| error.to_string())
    }

    fn url(&self, key: &str) -> Option<String> {
        let url = self.keys.url(&self.place, &Request::get(&self.place, key), now(), GOOD_FOR);
        Some(url.unwrap_or_else(|error| panic!("no URL for {key}: {error}")))
    }
}

impl Service for Place {
    fn names(&self) -> Names {
        Names {
            endpoint: "storage.s3.regionendpoint",
            tls: "storage.s3.secure and at the scheme in storage.s3.regionendpoint",
            chunksize: "storage.s3.chunksize",
            keys: "storage.s3.accesskey and storage.s3.secretkey",
        }
    }

    fn shown(&self) -> String {
        Place::shown(self)
    }

    fn secure(&self) -> bool {
        Place::secure(self)
    }

    fn authority(&self) -> &str {
        Place::authority(self)
    }

    fn get(&self, key: &str) -> Request {
        Request::get(self, key)
    }

    fn head(&self, key: &str) -> Request {
        Request::head(self, key)
    }

    fn state(&self, _: Option<String>) -> State {
        State::Whole
    }

    fn put(&self, key: &str, condition: &Condition, bytes: &[u8], hash: Option<&str>) -> Request {
        let hash = match hash {
            Some(hash) => hash.to_owned(),
            None => digest_of(Algorithm::Sha256, bytes).hex().to_owned(),
        };
        Request::put(self, key, condition, Payload::Sha256(hash))
    }

    fn touch(&self, _: &str, _: &str) -> Option<Request> {
        None
    }

    fn delete(&self, key: &str) -> Request {
        Request::delete(self, key)
    }

    fn copy(&self, from: Source<'_>, to: &str) -> Request {
        Request::copy(self, from, to)
    }

    fn list(&self, prefix: &str, by_level: bool, from: &Begin, limit: usize) -> Request {
        Request::list(self, prefix, by_level, from, limit.min(MAX_PAGE))
    }

    fn listed(&self, body: &[u8], prefix: &str) -> Option<Listed> {
        s3::listed(body, self, prefix)
    }

    fn entries(&self, body: &[u8], prefix: &str) -> Option<Entries> {
        s3::entries(body, self, prefix)
    }

    fn create_upload(&self, key: &str) -> Option<Request> {
        Some(Request::create_upload(self, key))
    }

    fn keeps_uploads_apart(&self) -> bool {
        true
    }

    fn look_at_upload(&self, key: &str, id: &str) -> Option<Request> {
        Some(Request::look_at_upload(self, key, id))
    }

    fn upload_part(&self, key: &str, id: &str, number: u32) -> (Request, Option<String>) {
        (Request::upload_part(self, key, id, number), None)
    }

    fn copy_part(
        &self,
        key: &str,
        part: (&str, u32),
        from: Source<'_>,
        offset: u64,
        length: u64,
    ) -> Result<Request, Error> {
        Ok(Request::copy_part(self, key, part, from, offset, length))
    }

    fn complete_upload(&self, key: &str, id: &str, parts: &[Part]) -> (Request, String) {
        (Request::complete_upload(self, key, id), Request::complete_body(parts))
    }

    fn abort_upload(&self, key: &str, id: &str) -> Option<Request> {
        Some(Request::abort_upload(self, key, id))
    }

    fn copied(&self, _: Option<String>, body: &[u8]) -> Copied {
        s3::copied(body)
    }

    fn error(&self, _: Option<String>, body: &[u8]) -> ServiceError {
        s3::service_error(body)
    }

    fn judge(&self, method: Method, status: u16, code: &str) -> Kind {
        s3::judge(method, status, code)
    }

    fn advice(&self, status: u16, code: &str) -> &'static str {
        s3::advice(status, code)
    }
}

use super::{GOOD_FOR, Names, Service, Signer, State};
use azure::{Copying, MAX_PAGE, Place, Settings, Urls};
use http::{HeaderValue, header};
use object_store::azure::{AzureAuthorizer, AzureCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use objects::Error;
use platform::random;
use s3::{
    Begin, Condition, Copied, Entries, Kind, Listed, Method, Part, Request, ServiceError, Signed, Source,
};
use std::sync::Arc;

/// Whoever has this credential, to a container of an account.
pub struct Account {
    place: Place,
    name: String,
    credential: Arc<AzureCredential>,
    urls: Option<Urls>,
}

impl Account {
    /// To the container that the settings name.
    pub fn new(settings: &Settings, credential: Arc<AzureCredential>) -> Account {
        let (place, name) = (settings.place.clone(), settings.account.clone());
        Account { place, name, credential, urls: settings.urls() }
    }
}

impl Signer for Account {
    fn sign(&self, request: &Request, length: usize) -> Result<Signed, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let mut signable =
            http::Request::builder().method(request.method.as_str()).uri(self.place.url(&request.target()));
        for (name, value) in &request.headers {
            signable = signable.header(*name, value);
        }
        if let Method::Put | Method::Post = request.method {
            signable = signable.header(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut signable: HttpRequest =
            signable.body(HttpRequestBody::empty()).map_err(|error| text(&error))?;
        AzureAuthorizer::new(&self.credential, &self.name)
            .try_authorize(&mut signable)
            .map_err(|error| text(&error))?;
        signable.headers_mut().remove(header::CONTENT_LENGTH);
        let headers = signable.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let target = signable.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Signed { method: request.method, target, headers })
    }

    fn url(&self, key: &str) -> Option<String> {
        Some(self.urls.as_ref()?.url(key, platform::now() + GOOD_FOR))
    }
}

impl Service for Place {
    fn names(&self) -> Names {
        Names {
            endpoint: "storage.azure.serviceurl",
            tls: "the scheme in storage.azure.serviceurl",
            chunksize: "storage.azure.chunksize",
            keys: "storage.azure.accountkey or storage.azure.credentials",
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
        Place::get(self, key)
    }

    fn head(&self, key: &str) -> Request {
        Place::head(self, key)
    }

    fn state(&self, copy_status: Option<String>) -> State {
        match azure::copying(copy_status.as_deref()) {
            Copying::Done => State::Whole,
            Copying::Pending => State::Pending,
            Copying::Failed => State::Failed,
        }
    }

    fn put(&self, key: &str, condition: &Condition, bytes: &[u8], _: Option<&str>) -> Request {
        Place::put(self, key, condition, bytes)
    }

    fn touch(&self, key: &str, etag: &str) -> Option<Request> {
        Some(Place::touch(self, key, etag))
    }

    fn delete(&self, key: &str) -> Request {
        Place::delete(self, key)
    }

    fn copy(&self, from: Source<'_>, to: &str) -> Request {
        Place::copy(self, from, to)
    }

    fn list(&self, prefix: &str, by_level: bool, from: &Begin, limit: usize) -> Request {
        // No list begins behind a name: what comes before is in the pages, too.
        let limit = if let Begin::After(_) = from { MAX_PAGE } else { limit.min(MAX_PAGE) };
        Place::list(self, prefix, by_level, from, limit)
    }

    fn listed(&self, body: &[u8], prefix: &str) -> Option<Listed> {
        azure::listed(body, self, prefix)
    }

    fn entries(&self, body: &[u8], prefix: &str) -> Option<Entries> {
        azure::entries(body, self, prefix)
    }

    fn create_upload(&self, _: &str) -> Option<Request> {
        None
    }

    fn keeps_uploads_apart(&self) -> bool {
        false
    }

    /// Parts stay those of the object that was made of them.
    fn look_at_upload(&self, _: &str, _: &str) -> Option<Request> {
        None
    }

    /// Whoever makes an object names parts and nothing else that would tell them from others. So each has a name that was never used.
    fn upload_part(&self, key: &str, _: &str, _: u32) -> (Request, Option<String>) {
        let name = format!("{:016x}", random());
        (Place::upload_part(self, key, &name), Some(name))
    }

    fn copy_part(&self, key: &str, _: (&str, u32), _: Source<'_>, _: u64, _: u64) -> Result<Request, Error> {
        Err(Error::new(objects::Kind::Failed, "copy", key, "Azure copies objects whole"))
    }

    fn complete_upload(&self, key: &str, _: &str, parts: &[Part]) -> (Request, String) {
        (Place::complete_upload(self, key), Place::complete_body(parts))
    }

    /// Parts are forgotten after a week.
    fn abort_upload(&self, _: &str, _: &str) -> Option<Request> {
        None
    }

    fn copied(&self, etag: Option<String>, _: &[u8]) -> Copied {
        Copied::Done(etag)
    }

    fn error(&self, code: Option<String>, body: &[u8]) -> ServiceError {
        azure::service_error(code, body)
    }

    fn judge(&self, method: Method, status: u16, code: &str) -> Kind {
        azure::judge(method, status, code)
    }

    fn advice(&self, status: u16, code: &str) -> &'static str {
        azure::advice(status, code)
    }
}

use super::{GOOD_FOR, Names, Service, Signer, State};
use azure::{Copying, MAX_PAGE, Place};
use futures_util::FutureExt;
use http::{HeaderValue, Method as HttpMethod, header};
use object_store::azure::{AzureAuthorizer, AzureCredential, MicrosoftAzure};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::Signer as _;
use objects::Error;
use s3::{
    Begin, Condition, Copied, Entries, Kind, Listed, Method, Part, Request, ServiceError, Signed, Source,
};
use std::sync::Arc;

/// Whoever has this credential, to a container of an account.
pub struct Account {
    place: Place,
    name: String,
    credential: Arc<AzureCredential>,
    /// What makes URLs, which who has the account's key can.
    urls: Option<MicrosoftAzure>,
}

impl Account {
    /// To the container there.
    pub fn new(
        place: &Place,
        name: &str,
        credential: Arc<AzureCredential>,
        store: &MicrosoftAzure,
    ) -> Account {
        let has_key = matches!(*credential, AzureCredential::AccessKey(_));
        let urls = has_key.then(|| store.clone());
        Account { place: place.clone(), name: name.to_owned(), credential, urls }
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
        let path = Path::parse(self.place.key(key)).ok()?;
        // With the key of an account there is nothing to wait for.
        let url = self.urls.as_ref()?.signed_url(HttpMethod::GET, &path, GOOD_FOR).now_or_never()?;
        url.ok().map(String::from)
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

    fn upload_part(&self, key: &str, id: &str, number: u32) -> Request {
        Place::upload_part(self, key, id, number)
    }

    fn copy_part(&self, key: &str, _: (&str, u32), _: Source<'_>, _: u64, _: u64) -> Result<Request, Error> {
        Err(Error::new(objects::Kind::Failed, "copy", key, "Azure copies objects whole"))
    }

    fn complete_upload(&self, key: &str, id: &str, parts: &[Part]) -> (Request, String) {
        (Place::complete_upload(self, key), Place::complete_body(id, parts))
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

use crate::place::{Place, in_query};
use crate::request::{Method, Payload, Request};
use crate::settings::BadSetting;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningError,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// Who we are to a bucket. Printed, it says nothing.
pub struct Keys {
    region: String,
    identity: Credentials,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What is done.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// All but Host and Content-Length.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Keys {
    /// Keys for a region: the name of a key, the key, and the token of one that is good for a while.
    ///
    /// # Errors
    /// Characters that none has. The text has no secret, and names the setting that it would be of.
    pub fn new(
        region: String,
        access: String,
        secret: String,
        token: Option<String>,
    ) -> Result<Keys, BadSetting> {
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let bad = |name| {
            BadSetting::new(
                name,
                "has characters that no such key has: is there a space or a line's end in it?",
            )
        };
        if !visible(&access) {
            return Err(bad("storage.s3.accesskey"));
        }
        if !visible(&secret) {
            return Err(bad("storage.s3.secretkey"));
        }
        if !token.as_deref().is_none_or(visible) {
            return Err(bad("storage.s3.sessiontoken"));
        }
        let identity = Credentials::new(access, secret, token, None, "settings");
        Ok(Keys { region, identity })
    }

    /// Signs a request (AWS Signature Version 4, in the Authorization header) as of `seconds` since 1970.
    ///
    /// # Errors
    /// A header's value that cannot be sent. Its text has no secret.
    pub fn sign(&self, place: &Place, request: &Request, seconds: u64) -> Result<Signed, SigningError> {
        let mut settings = as_s3_has_it();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let body = match &request.payload {
            Payload::Empty => SignableBody::Bytes(&[]),
            Payload::Unsigned => SignableBody::UnsignedPayload,
            Payload::Sha256(hash) => SignableBody::Precomputed(hash.clone()),
        };
        let instructions = self.instructions(place, request, body, settings, seconds)?;
        let own =
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()));
        let added = instructions.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Ok(Signed { method: request.method, target: request.target(), headers: own.chain(added).collect() })
    }

    /// A URL with which anyone can send a request that has no headers of its own, from `seconds` since 1970 on and for
    /// `good_for` (AWS Signature Version 4, in the query).
    ///
    /// # Errors
    /// As with [`Keys::sign`].
    pub fn url(
        &self,
        place: &Place,
        request: &Request,
        seconds: u64,
        good_for: Duration,
    ) -> Result<String, SigningError> {
        let mut settings = as_s3_has_it();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(good_for);
        let body = SignableBody::UnsignedPayload;
        let instructions = self.instructions(place, request, body, settings, seconds)?;
        let said = (!request.query.is_empty()).then(|| request.query.clone());
        let added = instructions.params().iter().map(|(name, value)| [*name, "=", &in_query(value)].concat());
        let query: Vec<String> = said.into_iter().chain(added).collect();
        Ok([&*place.url(&request.path), "?", &query.join("&")].concat())
    }

    fn instructions(
        &self,
        place: &Place,
        request: &Request,
        body: SignableBody<'_>,
        settings: SigningSettings,
        seconds: u64,
    ) -> Result<SigningInstructions, SigningError> {
        let identity = self.identity.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_secs(seconds))
            .settings(settings)
            .build()
            .expect("all of them are given")
            .into();
        let given = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable =
            SignableRequest::new(request.method.as_str(), place.url(&request.target()), given, body)?;
        Ok(sign(signable, &parameters)?.into_parts().0)
    }
}

/// S3 takes a path as it is.
fn as_s3_has_it() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// The examples of AWS's "Authenticating Requests: Using the Authorization Header": its keys, its bucket, its time.
    fn example(root: &str) -> (Place, Keys) {
        let root = root.to_owned();
        let settings = Settings::read(move |name| {
            let value = match name {
                "storage.s3.bucket" => "examplebucket",
                "storage.s3.region" => "us-east-1",
                "storage.s3.accesskey" => "AKIAIOSFODNN7EXAMPLE",
                "storage.s3.secretkey" => "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "storage.s3.regionendpoint" => "s3.amazonaws.com",
                "storage.s3.forcepathstyle" => "false",
                "storage.s3.rootdirectory" => &root,
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        (settings.place, settings.keys.unwrap())
    }

    fn signature(signed: &Signed) -> String {
        let found = signed.headers.iter().find(|(name, _)| name == "authorization").unwrap();
        let text = String::from_utf8(found.1.clone()).unwrap();
        text.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// 2013-05-24T00:00:00Z.
    const THEN: u64 = 1_369_353_600;

    #[test]
    fn a_range_is_signed_as_in_the_documentation() {
        let (place, keys) = example("");
        let request = Request::get_range(&place, "test.txt", 0, 10);
        let signed = keys.sign(&place, &request, THEN).unwrap();
        assert_eq!(signed.target, "/test.txt");
        assert_eq!(signature(&signed), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }

    /// The example of "Authenticating Requests: Using Query Parameters".
    #[test]
    fn a_url_is_signed_as_in_the_documentation() {
        let (place, keys) = example("");
        let day = Duration::from_secs(86_400);
        let url = keys.url(&place, &Request::get(&place, "test.txt"), THEN, day).unwrap();
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path, "https://examplebucket.s3.amazonaws.com/test.txt");
        for said in [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
            "X-Amz-Date=20130524T000000Z",
            "X-Amz-Expires=86400",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        ] {
            assert!(query.split('&').any(|pair| pair == said), "{said} is not in {query}");
        }
    }

    #[test]
    fn a_list_is_signed_with_its_query() {
        let (place, keys) = example("");
        let request = Request::list(&place, "v1+a b/", true, &crate::Begin::After("x".into()), 7);
        let signed = keys.sign(&place, &request, THEN).unwrap();
        assert_eq!(
            signed.target,
            "/?delimiter=%2F&list-type=2&max-keys=7&prefix=v1%2Ba%20b%2F&start-after=v1%2Ba%20b%2Fx"
        );
        assert_eq!(signature(&signed).len(), 64);
    }

    #[test]
    fn a_prefix_goes_before_every_key() {
        let (place, keys) = example("/registries/one/");
        let from = crate::Source { key: "a", etag: "\"e\"" };
        let request = Request::copy(&place, from, "b");
        let signed = keys.sign(&place, &request, THEN).unwrap();
        assert_eq!(signed.target, "/registries/one/b");
        let source = signed.headers.iter().find(|(name, _)| name == "x-amz-copy-source").unwrap();
        assert_eq!(source.1, b"/examplebucket/registries/one/a");
        assert!(signed.headers.contains(&("x-amz-copy-source-if-match".into(), b"\"e\"".to_vec())));
    }
}

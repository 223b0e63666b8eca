use crate::settings::BadSetting;
use http::uri::Authority;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What SigV4 leaves as it is: the unreserved characters (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// And the slashes of a path.
const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Where a bucket is, and where in it our tree begins.
#[derive(Clone, Debug)]
pub struct Place {
    secure: bool,
    authority: String,
    /// What comes before a key in a request's path: `/bucket`, or nothing where the host's name says the bucket.
    base: String,
    bucket: String,
    /// What comes before our keys in the bucket: nothing, or `some/folder/`.
    root: String,
    /// What is said of every object that is made: headers.
    made: Vec<(&'static str, String)>,
}

/// What a [`Place`] is made of: the settings of distribution's S3 driver.
#[derive(Clone, Debug)]
pub(crate) struct Options<'a> {
    /// `storage.s3.regionendpoint`; AWS's own where there is none.
    pub endpoint: Option<&'a str>,
    pub region: &'a str,
    pub bucket: &'a str,
    /// `storage.s3.rootdirectory`.
    pub root: &'a str,
    /// `storage.s3.secure`; an endpoint that names its scheme says it itself.
    pub secure: bool,
    /// `storage.s3.forcepathstyle`.
    pub path_style: bool,
    /// How objects are kept: headers.
    pub made: Vec<(&'static str, String)>,
}

impl Place {
    pub(crate) fn new(options: Options) -> Result<Place, BadSetting> {
        let Options { region, bucket, root, .. } = options;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err(BadSetting::new("storage.s3.bucket", "is not the name of a bucket"));
        }
        let amazon = match region.starts_with("cn-") {
            true => format!("s3.{region}.amazonaws.com.cn"),
            false => format!("s3.{region}.amazonaws.com"),
        };
        let endpoint = options.endpoint.unwrap_or(&amazon);
        let (secure, authority) = match endpoint.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(not_an_endpoint()),
            None => (options.secure, endpoint),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let parsed: Authority = authority.parse().map_err(|_| not_an_endpoint())?;
        // A name or a password before the host would reach the log.
        if parsed.host().is_empty() || authority.contains('@') {
            return Err(not_an_endpoint());
        }
        let (authority, base) = match options.path_style {
            true => (authority.to_owned(), format!("/{bucket}")),
            false => (format!("{bucket}.{authority}"), String::new()),
        };
        let root = match root.trim_matches('/') {
            "" => String::new(),
            root => format!("{root}/"),
        };
        Ok(Place { secure, authority, base, bucket: bucket.to_owned(), root, made: options.made })
    }

    /// For people: the bucket, and what comes before our keys in it.
    pub fn shown(&self) -> String {
        self.url(&[&*self.base, "/", &*self.root].concat())
    }

    /// Whether it is spoken to in TLS.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The host that is spoken to, and its port where it is not the usual one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is said of every object that is made: headers.
    pub(crate) fn made(&self) -> &[(&'static str, String)] {
        &self.made
    }

    /// What is asked for with this path and query.
    pub(crate) fn url(&self, target: &str) -> String {
        let scheme = if self.secure { "https://" } else { "http://" };
        [scheme, &*self.authority, target].concat()
    }

    /// One of our keys as the bucket has it.
    pub(crate) fn key(&self, key: &str) -> String {
        [&*self.root, key].concat()
    }

    /// The path of a request about an object.
    pub(crate) fn path(&self, key: &str) -> String {
        let key = self.key(key);
        [&*self.base, "/", &in_path(&key)].concat()
    }

    /// The path of a request about the bucket.
    pub(crate) fn bucket_path(&self) -> String {
        match self.base.is_empty() {
            true => "/".to_owned(),
            false => self.base.clone(),
        }
    }

    /// How an object is named as the source of a copy.
    pub(crate) fn source(&self, key: &str) -> String {
        let key = self.key(key);
        ["/", &*self.bucket, "/", &in_path(&key)].concat()
    }
}

/// A path, encoded.
pub fn in_path(path: &str) -> String {
    utf8_percent_encode(path, IN_PATH).to_string()
}

/// A value in a query, encoded.
pub fn in_query(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

fn not_an_endpoint() -> BadSetting {
    BadSetting::new(
        "storage.s3.regionendpoint",
        "has to be a host, a port where it is not the usual one, and a scheme if need be, without a path: http://127.0.0.1:9000",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        endpoint: None,
        region: "eu-west-1",
        bucket: "images",
        root: "",
        secure: true,
        path_style: true,
        made: Vec::new(),
    };

    #[test]
    fn without_an_endpoint_it_is_amazons() {
        let place = Place::new(OPTIONS).unwrap();
        assert_eq!((place.secure(), place.authority()), (true, "s3.eu-west-1.amazonaws.com"));
        assert_eq!(place.path("a/b c"), "/images/a/b%20c");
        assert_eq!(place.bucket_path(), "/images");
        assert_eq!(place.shown(), "https://s3.eu-west-1.amazonaws.com/images/");
        let china = Place::new(Options { region: "cn-north-1", ..OPTIONS }).unwrap();
        assert_eq!(china.authority(), "s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn a_bucket_can_be_in_the_hosts_name() {
        let endpoint = Some("http://s3.example:9000/");
        let place = Place::new(Options { endpoint, path_style: false, root: "/x/", ..OPTIONS }).unwrap();
        assert_eq!((place.secure(), place.authority()), (false, "images.s3.example:9000"));
        assert_eq!(place.path("a"), "/x/a");
        assert_eq!(place.source("a"), "/images/x/a");
        assert_eq!(place.bucket_path(), "/");
    }

    #[test]
    fn what_is_no_endpoint_is_told_by_its_setting() {
        for endpoint in ["", "ftp://x", "http://", "http://x/y", "user:secret@host", "a b"] {
            let error = Place::new(Options { endpoint: Some(endpoint), ..OPTIONS }).unwrap_err();
            assert!(error.to_string().starts_with("storage.s3.regionendpoint has to be"), "{error}");
        }
        assert!(Place::new(Options { bucket: "a/b", ..OPTIONS }).is_err());
    }
}

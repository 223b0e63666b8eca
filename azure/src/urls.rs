//! URLs for others (a service SAS).

use crate::place::Place;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use s3::in_query;
use sha2::Sha256;
use std::fmt;
use std::time::SystemTime;

/// The version of the service that signatures are made for.
const VERSION: &str = "2023-11-03";

/// What makes URLs with which whoever knows one can read an object. Printed, it says nothing.
#[derive(Clone)]
pub struct Urls {
    place: Place,
    /// `/blob/account/container/`, whatever host and path the service is reached by.
    container: String,
    key: Vec<u8>,
}

impl fmt::Debug for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Urls")
    }
}

impl Urls {
    pub(crate) fn new(place: Place, account: &str, container: &str, key: Vec<u8>) -> Urls {
        Urls { place, container: format!("/blob/{account}/{container}/"), key }
    }

    /// One to read an object with until then. It has no beginning: a clock that is ahead of Azure's would make it one that is not good
    /// yet.
    pub fn url(&self, key: &str, until: SystemTime) -> String {
        let until = humantime::format_rfc3339_seconds(until).to_string();
        let object = [&*self.container, &self.place.key(key)].concat();
        // Permission, beginning, end, object, policy, address, protocol, version, kind, snapshot, scope of encryption, and five headers
        // of the answer.
        let said = ["r", "", &until, &object, "", "", "", VERSION, "b", "", "", "", "", "", "", ""];
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key may have any length");
        mac.update(said.join("\n").as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let (path, until, signature) = (self.place.path(key), in_query(&until), in_query(&signature));
        self.place.url(&format!("{path}?sv={VERSION}&se={until}&sr=b&sp=r&sig={signature}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn url(service: &str, root: &str) -> String {
        let place = Place::new(service, "registry", root).unwrap();
        let until = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Urls::new(place, "images", "registry", b"key".to_vec()).url("k", until)
    }

    #[test]
    fn a_signature_is_of_the_account_and_the_key_whatever_the_url_looks_like() {
        let of_host = url("https://images.blob.core.windows.net", "a b");
        let (at, query) = of_host.split_once('?').unwrap();
        assert_eq!(at, "https://images.blob.core.windows.net/registry/a%20b/k");
        assert!(query.starts_with("sv=2023-11-03&se=2027-01-15T08%3A00%3A00Z&sr=b&sp=r&sig="), "{query}");
        for service in ["https://content.example", "http://127.0.0.1:10000/images/"] {
            assert_eq!(url(service, "a b").split_once('?').unwrap().1, query);
        }
        assert_ne!(url("https://content.example", "a").split_once('?').unwrap().1, query);
    }
}

use crate::place::Place;
use crate::urls::Urls;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use s3::BadSetting;
use std::fmt;

/// What the store has to be told of its container, under the names of distribution's Azure driver.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the container is.
    pub place: Place,
    /// `storage.azure.accountname`.
    pub account: String,
    /// `storage.azure.container`.
    pub container: String,
    /// The URL of the account's Blob service: `storage.azure.serviceurl`, or made of the account's name and
    /// `storage.azure.realm`.
    pub service: String,
    /// `storage.azure.realm`.
    pub realm: String,
    /// Who we are to it.
    pub identity: Identity,
    /// How many bytes a part of an upload has, and how many an upload keeps in memory twice. `storage.azure.chunksize`.
    pub part_size: u64,
}

/// Who we are to the service. Printed, it says which of them alone.
#[derive(Clone)]
pub enum Identity {
    /// Whoever has the account's key.
    SharedKey(String),
    /// An application of a directory, with its secret.
    ClientSecret {
        /// Which application.
        client: String,
        /// Of which directory.
        tenant: String,
        /// Its secret.
        secret: String,
    },
    /// Whoever the environment says: a workload, or a managed identity.
    Default,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Identity::SharedKey(_) => "SharedKey",
            Identity::ClientSecret { .. } => "ClientSecret",
            Identity::Default => "Default",
        })
    }
}

const KEY: &str = "storage.azure.accountkey";
const TYPE: &str = "storage.azure.credentials.type";

impl Settings {
    /// Reads them. `get` knows a setting by its name.
    ///
    /// # Errors
    /// The first that is missing or bad.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Settings, BadSetting> {
        let text = |name: &str| get(name).filter(|text| !text.is_empty());
        let needed = |name: &'static str| text(name).ok_or(BadSetting::new(name, "is not set"));
        let account = needed("storage.azure.accountname")?;
        if !account.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
            return Err(BadSetting::new("storage.azure.accountname", "is not the name of an account"));
        }
        let container = needed("storage.azure.container")?;
        let realm = text("storage.azure.realm").unwrap_or_else(|| "core.windows.net".to_owned());
        if !realm.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) {
            return Err(BadSetting::new("storage.azure.realm", "is not the name of a domain"));
        }
        let service =
            text("storage.azure.serviceurl").unwrap_or_else(|| format!("https://{account}.blob.{realm}"));
        let place =
            Place::new(&service, &container, &text("storage.azure.rootdirectory").unwrap_or_default())?;
        let secret = |name: &'static str| {
            let secret = needed(name)?;
            match secret.bytes().all(|byte| byte.is_ascii_graphic()) {
                true => Ok(secret),
                false => {
                    let what = "has characters that none has: is there a space or a line's end in it?";
                    Err(BadSetting::new(name, what))
                }
            }
        };
        let shared_key = || {
            let key = secret(KEY)?;
            match BASE64_STANDARD.decode(&key).is_ok() {
                true => Ok(Identity::SharedKey(key)),
                false => Err(BadSetting::new(KEY, "is not the key of an account, which is in base64")),
            }
        };
        let identity = match text(TYPE).as_deref() {
            Some("shared_key") => shared_key()?,
            Some("client_secret") => Identity::ClientSecret {
                client: needed("storage.azure.credentials.clientid")?,
                tenant: needed("storage.azure.credentials.tenantid")?,
                secret: secret("storage.azure.credentials.secret")?,
            },
            Some("default_credentials") => Identity::Default,
            Some(_) => {
                return Err(BadSetting::new(
                    TYPE,
                    "has to be shared_key, client_secret or default_credentials",
                ));
            }
            None if text(KEY).is_some() => shared_key()?,
            None => Identity::Default,
        };
        if !place.secure() && !matches!(identity, Identity::SharedKey(_)) {
            let what = "has to begin with https:// where no storage.azure.accountkey is used: the token would go over the network in the clear";
            return Err(BadSetting::new("storage.azure.serviceurl", what));
        }
        let part_size = match text("storage.azure.chunksize").map(|text| text.parse()) {
            None => 10 << 20,
            Some(Ok(bytes)) => bytes,
            Some(Err(_)) => {
                return Err(BadSetting::new("storage.azure.chunksize", "has to be a number of bytes"));
            }
        };
        Ok(Settings { place, account, container, service, realm, identity, part_size })
    }

    /// What makes URLs, which who has the account's key can.
    pub fn urls(&self) -> Option<Urls> {
        let Identity::SharedKey(key) = &self.identity else { return None };
        let key = BASE64_STANDARD.decode(key).ok()?;
        Some(Urls::new(self.place.clone(), &self.account, &self.container, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SECRET: &str = "c2VjcmV0c2VjcmV0";

    fn read(settings: &[(&'static str, &str)]) -> Result<Settings, BadSetting> {
        let mut all = BTreeMap::from([
            ("storage.azure.accountname", "images"),
            ("storage.azure.accountkey", SECRET),
            ("storage.azure.container", "registry"),
        ]);
        all.extend(settings.iter().copied());
        Settings::read(|name| all.get(name).map(ToString::to_string))
    }

    #[test]
    fn an_account_and_a_container_are_needed_and_the_rest_follows() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.place.authority(), "images.blob.core.windows.net");
        assert!(matches!(settings.identity, Identity::SharedKey(_)));
        let china = read(&[("storage.azure.realm", "core.chinacloudapi.cn")]).unwrap();
        assert_eq!(china.place.authority(), "images.blob.core.chinacloudapi.cn");
        for name in ["storage.azure.accountname", "storage.azure.container"] {
            assert_eq!(read(&[(name, "")]).unwrap_err().to_string(), format!("{name} is not set"));
        }
        assert!(matches!(read(&[(KEY, "")]).unwrap().identity, Identity::Default));
    }

    #[test]
    fn who_we_are_is_said_whole() {
        let client = [
            (TYPE, "client_secret"),
            ("storage.azure.credentials.clientid", "id"),
            ("storage.azure.credentials.tenantid", "tenant"),
            ("storage.azure.credentials.secret", SECRET),
        ];
        assert!(matches!(read(&client).unwrap().identity, Identity::ClientSecret { .. }));
        for lacking in 1..4 {
            let mut client = client;
            client[lacking].1 = "";
            assert_eq!(read(&client).unwrap_err().name(), client[lacking].0);
        }
        assert_eq!(
            read(&[(TYPE, "shared_key"), (KEY, "")]).unwrap_err().to_string(),
            format!("{KEY} is not set")
        );
        assert!(matches!(read(&[(TYPE, "default_credentials")]).unwrap().identity, Identity::Default));
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        let clear = ("storage.azure.serviceurl", "http://images.example");
        assert!(matches!(read(&[clear]).unwrap().identity, Identity::SharedKey(_)));
        let error = read(&[clear, (TYPE, "default_credentials")]).unwrap_err();
        assert_eq!(error.name(), "storage.azure.serviceurl");
    }

    #[test]
    fn a_bad_setting_is_told_by_its_name_and_without_its_value() {
        for (name, value) in [
            ("storage.azure.accountname", "Images"),
            ("storage.azure.realm", "core/windows"),
            ("storage.azure.serviceurl", "images.example"),
            ("storage.azure.container", "no/such"),
            ("storage.azure.chunksize", "much"),
            (KEY, "no base64!"),
            (KEY, "se\ncret"),
            (TYPE, "password"),
        ] {
            let text = read(&[(name, value)]).unwrap_err().to_string();
            assert!(text.starts_with(name) && !text.contains(value), "{text}");
        }
        assert!(!format!("{:?}", read(&[]).unwrap()).contains(SECRET));
    }
}

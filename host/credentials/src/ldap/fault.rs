//! Why a directory does not say what it is asked.

use super::options::DirectoryOptions;
use ldap3::{LdapError, LdapResult};
use rustls::Error as TlsError;
use std::error::Error;
use std::fmt;

/// Why there was no answer.
#[derive(Debug)]
pub enum Fault {
    /// The connection came to nothing, or its answer did not come in time.
    Lost(String),
    /// The directory answers that it cannot, for the moment.
    Busy(String),
    /// So it will be until something is configured in another way: the setting, and what is wrong with it.
    Lasting(&'static str, String),
}

pub const URL: &str = "auth.ldap.url";
pub const STARTTLS: &str = "auth.ldap.starttls";
pub const ROOTS: &str = "auth.ldap.rootcertbundle";
pub const BIND_DN: &str = "auth.ldap.binddn";
pub const BIND_PASSWORD_FILE: &str = "auth.ldap.bindpasswordfile";
pub const BASE: &str = "auth.ldap.basedn";
pub const GROUPS: &str = "auth.ldap.groups.basedn";
pub const ATTRIBUTE: &str = "auth.ldap.attribute";

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost(why) | Fault::Busy(why) => f.write_str(why),
            Fault::Lasting(setting, why) => write!(f, "{setting}: {why}"),
        }
    }
}

/// Results of the protocol (RFC 4511, appendix A) that mean something here.
pub mod code {
    pub const TIME_LIMIT: u32 = 3;
    pub const SIZE_LIMIT: u32 = 4;
    pub const STRONGER_AUTH: u32 = 8;
    pub const REFERRAL: u32 = 10;
    pub const ADMIN_LIMIT: u32 = 11;
    pub const CONFIDENTIALITY: u32 = 13;
    pub const CONSTRAINT: u32 = 19;
    pub const NO_SUCH_OBJECT: u32 = 32;
    pub const INAPPROPRIATE_AUTH: u32 = 48;
    pub const INVALID_CREDENTIALS: u32 = 49;
    pub const ACCESS_RIGHTS: u32 = 50;
    pub const BUSY: u32 = 51;
    pub const UNAVAILABLE: u32 = 52;
    pub const UNWILLING: u32 = 53;
    pub const OTHER: u32 = 80;
}

/// What a directory says of itself, in a line.
fn said(result: &LdapResult) -> String {
    result.to_string().escape_debug().to_string().replace("\\\"", "\"")
}

/// The fault in a result, if it is one. `setting` names what was asked about.
pub fn of_result(result: &LdapResult, setting: &'static str, wrong: &str) -> Option<Fault> {
    let said = || said(result);
    Some(match result.rc {
        0 => return None,
        code::BUSY | code::UNAVAILABLE | code::TIME_LIMIT | code::ADMIN_LIMIT | code::OTHER => {
            Fault::Busy(format!("the directory cannot answer ({})", said()))
        }
        code::CONFIDENTIALITY | code::STRONGER_AUTH => Fault::Lasting(
            STARTTLS,
            format!("the directory wants TLS; set it, or write ldaps:// ({})", said()),
        ),
        code::REFERRAL => Fault::Lasting(
            URL,
            format!("the directory refers to another, which is not followed; name that ({})", said()),
        ),
        _ => Fault::Lasting(setting, format!("{wrong} ({})", said())),
    })
}

/// Why there is no connection to `url`.
pub fn of_connecting(url: &url::Url, options: &DirectoryOptions, error: &LdapError) -> Fault {
    if let LdapError::LdapResult { result } = error {
        let wrong = format!("{url} does not begin TLS; remove it, or write ldaps://");
        return of_result(result, STARTTLS, &wrong).unwrap_or_else(|| Fault::Lost(format!("{url}: {error}")));
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(TlsError::InvalidCertificate(why)) = error.downcast_ref::<TlsError>() {
            let remedy = match options.roots {
                Some(_) => {
                    "name the file of the authority that signed it, and in auth.ldap.url the host that it is for"
                }
                None => {
                    "none of the system's authorities signed it for this host; name the file of the one that did"
                }
            };
            return Fault::Lasting(
                ROOTS,
                format!("the certificate of {url} does not hold ({why}); {remedy}"),
            );
        }
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    Fault::Lost(format!("{url}: {error}"))
}

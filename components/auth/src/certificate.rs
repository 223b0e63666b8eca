//! The name in a client's certificate, which the host has verified.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Any, Decode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The name in a certificate as the header `Client-Cert` has it (RFC 9440, 2.1): that of a host, a URI or a mailbox it is
/// for, whichever comes first in this order, or else the common name of its subject.
pub fn name(header: &str) -> Option<String> {
    let encoded = header.strip_prefix(':')?.strip_suffix(':')?;
    let certificate = Certificate::from_der(&STANDARD.decode(encoded).ok()?).ok()?;
    let fields = certificate.tbs_certificate();
    let names = fields.get_extension::<SubjectAltName>().ok()?.map(|(_, names)| names.0).unwrap_or_default();
    let first = |kind: fn(&GeneralName) -> Option<&str>| names.iter().find_map(kind).map(ToOwned::to_owned);
    let host = first(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str()),
        _ => None,
    });
    let uri = || {
        first(|name| match name {
            GeneralName::UniformResourceIdentifier(name) => Some(name.as_str()),
            _ => None,
        })
    };
    let mailbox = || {
        first(|name| match name {
            GeneralName::Rfc822Name(name) => Some(name.as_str()),
            _ => None,
        })
    };
    let common = || {
        let mut attributes = fields.subject().iter();
        attributes.find(|attribute| attribute.oid == COMMON_NAME).and_then(|attribute| text(&attribute.value))
    };
    host.or_else(uri).or_else(mailbox).or_else(common)
}

fn text(value: &Any) -> Option<String> {
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
    let printable = || value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned());
    utf8.or_else(|_| printable()).ok()
}

//! A certificate for a registry that no public authority knows, and the authority that signs it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// The files, and who may read them. The order is that in which they are written.
const FILES: [(&str, u32); 4] =
    [("ca.crt", 0o644), ("ca.key", 0o600), ("server.crt", 0o644), ("server.key", 0o600)];

/// The authority outlives the certificates that it signs later.
const AUTHORITY_DAYS: u32 = 3650;

/// Clocks differ a little.
const SKEW: Duration = Duration::hours(1);

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A host that no client can ask for.
    #[error(
        "--host {0}: not a host; write a name or an address, without scheme and port, as in registry.example.com"
    )]
    Host(String),
    /// Nothing is written over.
    #[error("{0} is there already and stays as it is; write elsewhere with --out, or remove it first")]
    Exists(PathBuf),
    /// A file or folder cannot be written.
    #[error("{file} cannot be written ({source}); name a folder with --out that this user may write to")]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Made(#[from] rcgen::Error),
}

/// Makes an authority and a certificate for `hosts`, both valid from now on, writes them and their keys to `out`, and
/// returns what to do with them.
///
/// # Errors
/// When a host is none, when one of the files is there already, and when they cannot be written.
pub fn self_signed(hosts: &[String], out: &Path, days: u32) -> Result<String, CertificateError> {
    let hosts: Vec<String> = hosts.iter().map(|text| host(text)).collect::<Result<_, _>>()?;
    let first = hosts.first().expect("the command line asks for one");
    let paths = FILES.map(|(name, _)| out.join(name));
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(CertificateError::Exists(there.clone()));
    }

    let authority = authority(first, days)?;
    let key = KeyPair::generate()?;
    let certificate = server(&hosts, days)?.signed_by(&key, &authority)?;
    let contents = [
        authority.pem(),
        authority.key().serialize_pem(),
        certificate.pem() + &authority.pem(),
        key.serialize_pem(),
    ];

    fs::create_dir_all(out)
        .map_err(|source| CertificateError::Unwritable { file: out.to_owned(), source })?;
    for ((path, (_, mode)), content) in paths.iter().zip(FILES).zip(contents) {
        write(path, mode, &content)?;
    }
    Ok(next_steps(&hosts, &paths))
}

/// Whether a text is a name of DNS, or an address of IPv4.
pub(crate) fn is_dns_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(inner);
    text.len() <= 253 && text.split('.').all(fits)
}

/// A name or an address, as certificates have them.
fn host(text: &str) -> Result<String, CertificateError> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    match is_dns_name(text.strip_prefix("*.").unwrap_or(text)) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(CertificateError::Host(text.escape_debug().to_string())),
    }
}

fn lasting(mut params: CertificateParams, name: &str, days: u32) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - SKEW;
    params.not_after = now + Duration::days(days.into());
    params.distinguished_name = DistinguishedName::new();
    // The field is bounded (RFC 5280, A.1: ub-common-name); what counts is the subjectAltName.
    params.distinguished_name.push(DnType::CommonName, &name[..name.len().min(64)]);
    params
}

fn authority(host: &str, days: u32) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let name = format!("Registry authority of {host}");
    let mut params = lasting(CertificateParams::default(), &name, days.max(AUTHORITY_DAYS));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn server(hosts: &[String], days: u32) -> Result<CertificateParams, rcgen::Error> {
    let mut params = lasting(CertificateParams::new(hosts)?, &hosts[0], days);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn write(path: &Path, mode: u32, content: &str) -> Result<(), CertificateError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()
    })
    .map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => CertificateError::Exists(path.to_owned()),
        _ => CertificateError::Unwritable { file: path.to_owned(), source },
    })
}

/// How to serve with them, and for each host what docker and curl need.
fn next_steps(hosts: &[String], [ca, _, certificate, key]: &[PathBuf; 4]) -> String {
    let [ca, certificate, key] = [ca, certificate, key].map(|path| quoted(path));
    let mut text = format!(
        "REGISTRY_HTTP_TLS_CERTIFICATE={certificate} REGISTRY_HTTP_TLS_KEY={key} REGISTRY_HTTP_ADDR=:5000 pierhead serve\n"
    );
    // Of a wildcard nobody knows the names.
    for host in hosts.iter().filter(|host| !host.starts_with('*')) {
        let authority = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let _ = writeln!(text, "sudo install -D -m 644 {ca} /etc/docker/certs.d/{authority}:5000/ca.crt");
        let _ = writeln!(text, "curl --cacert {ca} https://{authority}:5000/v2/");
    }
    text
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

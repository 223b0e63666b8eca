//! Origins: the headers that anyone can send, and the URL they end up in.

use protocol::location::{Origin, base};

/// The input is lines: `Forwarded`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `Host`, the scheme. A line that is
/// empty is a header that is not there.
pub(crate) fn hold(input: &[u8]) {
    let text = crate::text(input);
    let mut lines = text.split('\n').map(|line| Some(line).filter(|line| !line.is_empty()));
    let mut line = || lines.next().flatten();
    let origin = Origin {
        configured: None,
        prefix: "",
        relative: false,
        forwarded: line(),
        x_forwarded_proto: line(),
        x_forwarded_host: line(),
        host: line(),
        scheme: line().unwrap_or("http"),
    };
    let url = base(&origin);
    assert_eq!(base(&Origin { relative: true, ..origin }), "");
    let fixed = Some("https://registry.example");
    assert_eq!(base(&Origin { configured: fixed, ..origin }), "https://registry.example");
    if url.is_empty() {
        return;
    }
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = host.unwrap_or_else(|| panic!("{url:?} has another scheme"));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    assert!((1..=261).contains(&host.len()) && host.bytes().all(allowed), "{url:?} is more than an origin");
    let sources = [origin.forwarded, origin.x_forwarded_host, origin.host];
    let unescaped = sources.map(|source| source.unwrap_or_default().replace('\\', ""));
    assert!(unescaped.iter().any(|source| source.contains(host)), "{url:?} stood in no header");
}

//! Paths: whatever they are, they end in proven names or in an error.

use names::{Reference, RepositoryName};
use protocol::location;
use protocol::route::Route;

pub(crate) fn routes(input: &[u8]) {
    let path = crate::text(input);
    let parsed = Route::parse(&path);
    match &parsed {
        Ok(route) => leads_back(route),
        Err(error) => {
            crate::refused(error);
            assert!([400, 404].contains(&error.status), "{path:?}: {error}");
        }
    }
    if !path.contains('%') {
        assert_eq!(Route::parse(&escaped(&path)), parsed, "escaped, {path:?} is something else");
    }
}

/// Every character but the slash, escaped.
fn escaped(path: &str) -> String {
    let escape = |byte: u8| if byte == b'/' { "/".into() } else { format!("%{byte:02x}") };
    path.bytes().map(escape).collect()
}

fn leads_back(route: &Route) {
    let path = match route {
        Route::Root => "/".to_owned(),
        Route::Version => "/v2/".to_owned(),
        Route::Catalog => location::CATALOG.to_owned(),
        Route::Token => location::TOKEN.to_owned(),
        Route::Tags(name) => location::tags(name),
        Route::Manifest(name, Reference::Digest(digest)) => location::manifest(name, digest.as_str()),
        Route::Manifest(name, Reference::Tag(tag)) => format!("/v2/{name}/manifests/{tag}"),
        Route::Referrers(name, digest) => location::referrers(name, digest, None),
        Route::Blob(name, digest) => location::blob(name, digest),
        Route::Uploads(name) => format!("/v2/{name}/blobs/uploads/"),
        Route::Upload(name, id) => location::upload(name, id),
    };
    assert_eq!(Route::parse(&path).as_ref(), Ok(route), "{path}");
    assert!(crate::fits_a_header(&path) && !path.contains(' '), "{path:?}");
    let harmless = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\0']);
    let repository = route.repository().map_or("a", RepositoryName::as_str);
    assert!(repository.split('/').all(harmless), "{repository:?} is no path of a repository");
    assert!(route.reference_text().is_none_or(harmless), "{route:?} refers to no name of a file");
    let methods: Vec<&str> = route.methods().split(", ").collect();
    assert!(methods.is_sorted() && methods.contains(&"OPTIONS"), "{methods:?}");
}

//! Queries, pages, and the Link to the next one.

use names::{Algorithm, Digest, RepositoryName};
use protocol::location;
use protocol::paging::{Limits, Paging, next_link};
use protocol::query;

/// The input is a query.
pub(crate) fn paging(input: &[u8]) {
    let query = crate::text(input);
    let pairs: Vec<_> = query::pairs(&query).collect();
    assert!(pairs.len() <= query.split('&').count());
    for (name, _) in &pairs {
        let first = pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        assert_eq!(query::first(&query, name).as_ref(), first);
    }
    for limits in [Limits::catalog(1000), Limits::tags(1000), Limits::referrers(50)] {
        match Paging::parse(&query, limits) {
            Ok(page) => {
                assert!(page.n.is_none_or(|n| n <= limits.max), "{query:?} is a page of {:?}", page.n);
                assert!(page.last.as_ref().is_none_or(|last| !last.is_empty()));
                follow(&page, limits, query::first(&query, "artifactType").as_deref());
            }
            Err(error) => {
                crate::refused(&error);
                assert_eq!(error.status, 400, "{query:?}: {error}");
            }
        }
    }
}

/// What a Link leads to is the page it was made for, in the list it was made for.
fn follow(page: &Paging, limits: Limits, artifact_type: Option<&str>) {
    let (Some(n), Some(last)) = (page.n, &page.last) else { return };
    let name: RepositoryName = "library/alpine".parse().expect("a name");
    let subject = Digest::from_raw(Algorithm::Sha256, &[7; 32]);
    let plain = location::tags(&name);
    let filtered = location::referrers(&name, &subject, artifact_type);
    for path in [&plain, &filtered] {
        let link = next_link(path, n, last);
        assert!(crate::fits_a_header(&link), "{link:?}");
        let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        let target = target.unwrap_or_else(|| panic!("no Link: {link:?}"));
        assert!(!target.contains(['<', '>', '"', ' ']), "{link:?}");
        let (_, query) = target.split_once('?').expect("a page is a query");
        let next = Paging { n: Some(n), last: Some(last.clone()) };
        assert_eq!(Paging::parse(query, limits), Ok(next), "{link}");
        let kept = query::first(query, "artifactType");
        assert_eq!(kept.as_deref(), artifact_type.filter(|_| path == &filtered), "{link}");
    }
}

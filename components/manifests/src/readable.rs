//! The catalogue as far as someone may read it.

use crate::bindings::exports::pierhead::registry::manifests::{Failure, Page};
use crate::bindings::pierhead::storage::catalog;
use access::Glob;

/// How many names are looked at between two waits.
const STEP: u32 = 1000;

/// The repositories after `after` whose names match, `limit` of them. Those that do not are passed over before the
/// rest is counted, so that neither a page's length nor its end tells of them.
pub async fn repositories(after: Option<String>, limit: u32, globs: &[String]) -> Result<Page, Failure> {
    let globs: Vec<Glob> = globs.iter().filter_map(|glob| glob.parse().ok()).collect();
    let (mut names, mut after) = (Vec::new(), after);
    if limit == 0 || globs.is_empty() {
        return Ok(Page { names, more: false });
    }
    loop {
        let page = catalog::repositories(after, STEP).await.map_err(Failure::Storage)?;
        after = page.names.last().cloned();
        for name in page.names {
            if globs.iter().any(|glob| glob.matches(&name)) {
                if names.len() >= limit as usize {
                    return Ok(Page { names, more: true });
                }
                names.push(name);
            }
        }
        if !page.more || after.is_none() {
            return Ok(Page { names, more: false });
        }
    }
}

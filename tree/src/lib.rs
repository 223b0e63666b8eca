//! What lies in the tree that `layout` names the places of, and in which order it is written: what every store over
//! such a tree agrees on, be it in a directory or a bucket. Pure: bytes in, bytes out.
#![forbid(unsafe_code)]

pub mod hash;
mod links;
mod loose;
mod order;
mod page;
mod units;

pub use links::{MAX_LINK, digest_in_link, digest_of_name, looks_like_a_manifest, may_stand_for};
pub use loose::{Loose, loose_in};
pub use order::{After, after};
pub use page::{DescriptorPage, Page, ReferrersPage, ReferrersQuery};
pub use units::{PutManifest, Unit, hold, indexed, referrer_entry};

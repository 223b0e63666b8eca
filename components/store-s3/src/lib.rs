//! `pierhead:storage` in an S3 bucket, spoken to through `wasi:http/client`. All that this takes is the crate `bucket`'s, which
//! our own host has as well.

use bucket::{Bucket, Settings};
use guest_store::bindings::{self, pierhead::host::config};
use guest_store::{Configured, options};
use objects::{Error, Kind};
use std::cell::OnceCell;

struct Named;

impl Configured for Named {
    type Objects = Bucket;

    fn configured() -> Result<&'static Bucket, Error> {
        thread_local! {
            static BUCKET: OnceCell<&'static Bucket> = const { OnceCell::new() };
        }
        BUCKET.with(|known| match known.get() {
            Some(bucket) => Ok(*bucket),
            None => {
                let failed = |why: String| Error::new(Kind::Unavailable, "find", "the bucket", why);
                let settings = Settings::s3(config::get).map_err(|bad| failed(bad.to_string()))?;
                if !settings.has_keys() {
                    return Err(failed("storage.s3.accesskey is not set".into()));
                }
                let bucket: &'static Bucket = Box::leak(Box::new(Bucket::new(settings, options())));
                Ok(*known.get_or_init(|| bucket))
            }
        })
    }
}

type Store = guest_store::Store<Named>;
guest_store::bindings::export!(Store with_types_in bindings);

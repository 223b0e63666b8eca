//! The registry over a bucket, on a host that knows nothing of ours, beside our own server over the same tree.

mod edge;
mod failures;
mod shared;
mod uploads;

//! The hosts with what surrounds them: a bucket, a database, variables. Each module says for which hosts it is, and
//! `make test-hosts` and `make test-spin` run it on those; on our own host alone there is nothing here to run.
#![forbid(unsafe_code)]

mod between;
mod bucket;
mod claims;
mod container;
mod database;
mod faulty_bucket;
mod faulty_container;
mod garbage;
mod grants;
mod lists;
mod passwords;
mod read_only;
mod redirect;
mod shared_tree;
mod support;
mod uploads;

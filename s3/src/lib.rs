//! The S3 protocol as data: where objects lie, requests and their signatures, what answers say, lists put in order, and
//! what is worth trying again. No I/O, no clock.
#![forbid(unsafe_code)]

mod answer;
mod budget;
mod date;
mod fault;
mod order;
mod place;
mod record;
mod request;
mod settings;
mod sign;

pub use answer::{
    Copied, Entries, Entry, Listed, ServiceError, below, copied, entries, leaves, listed, service_error,
    upload_id,
};
pub use budget::Budget;
pub use date::age;
pub use fault::{Kind, advice, judge};
pub use order::{Gathering, Page};
pub use place::{Place, in_path, in_query};
pub use record::{HEAD, Record};
pub use request::{Begin, Condition, MAX_PART, Method, Part, Payload, Request, SENT, Source, WORKED};
pub use settings::{BadSetting, LEAST_PART, Settings};
pub use sign::{Keys, Signed};

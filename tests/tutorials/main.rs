//! Five documents that people follow on their first day with registry:2, command by command, with our image in its
//! place. The documents are other people's, and only their commands are here, in the order in which they stand there.
//!
//! What a document leaves to its reader is said by `beside`; what cannot run here as it stands is in the table of
//! listed.rs. Each document says how many commands and files it has, and the test holds that each had its turn.
#![forbid(unsafe_code)]

mod compose;
mod hub;
mod listed;
mod localhost;
mod proxy;
mod terminal;
mod tls;
mod tutorial;

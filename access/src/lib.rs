//! Who may do what, as data: rules, who asks, and the Authorization header.
//!
//! Everything here is a function of its arguments, so that the component that decides and the command that explains
//! a decision run the same code.
#![forbid(unsafe_code)]

mod asker;
mod authorization;
mod glob;
mod policy;
mod rules;
mod text;

pub use asker::Asker;
pub use authorization::{Authorization, quoted};
pub use glob::{Glob, GlobError};
pub use policy::{Granted, Policy};
pub use rules::{Action, Rule, Rules, Who, WordError};
pub use text::RulesError;

//! Lines for whoever runs the registry: hosts keep what a component writes to its standard error.
#![forbid(unsafe_code)]

use std::fmt::Arguments;
use std::io::{Write, stderr};

/// Writes a line, as `log!` does.
pub fn line(text: Arguments<'_>) {
    // In one piece, for standard error keeps nothing back: requests at once have lines of their own.
    let _ = stderr().write_all(format!("{text}\n").as_bytes());
}

/// Writes a line. The log may lie on the disk that is full: what cannot be written is left out, where `eprintln!` would
/// panic, and take the request along.
#[macro_export]
macro_rules! log {
    ($($text:tt)*) => { $crate::line(format_args!($($text)*)) };
}

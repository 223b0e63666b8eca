//! Lines for whoever runs the registry: Spin keeps what a component writes to its standard error.

use std::fmt::Arguments;
use std::io::{Write, stderr};

/// Writes a line. The log may lie on the disk that is full: what cannot be written is left out, where `eprintln` would
/// panic.
pub fn log(line: Arguments<'_>) {
    let _ = writeln!(stderr(), "{line}");
}

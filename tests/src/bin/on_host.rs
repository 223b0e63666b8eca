//! Runs the tests of the protocol on a host, and holds what came of it to the table of exceptions.
//!
//! `on-host HOST BINARY[=FILTER]…`: `on-host wasmtime-fs wire specification clients=crane`. A binary is one of
//! `tests/Cargo.toml`, a filter the beginning of the names that are run; several have commas between them. Each test
//! passes, or stands in the table and fails: a test in the table that passes fails the run.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use tests::host::{EXCEPTIONS, SHARED};
use tests::{Azurite, Host};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(host), binaries) = (arguments.first().and_then(|name| Host::named(name)), &arguments) else {
        eprintln!("on-host: HOST BINARY[=FILTER,…]…; as a host {}", Host::names());
        return ExitCode::from(2);
    };
    // One for all of them, for it takes seconds to start.
    let azurite = (host == Host::NativeAzure).then(Azurite::start);
    let shared = azurite.as_ref().map(|azurite| azurite.addr().to_string());
    let verdicts: Vec<_> = binaries[1..].iter().map(|binary| run(host, shared.as_deref(), binary)).collect();
    let good = verdicts.iter().all(|verdict| *verdict);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a binary, and returns whether each test did what the table says.
fn run(host: Host, azurite: Option<&str>, binary: &str) -> bool {
    let (binary, filters) = binary.split_once('=').unwrap_or((binary, ""));
    let filters: Vec<&str> = filters.split(',').filter(|filter| !filter.is_empty()).collect();
    let begun = Instant::now();
    let outcomes = outcomes(host, azurite, binary, &filters);
    let mut wrong = Vec::new();
    let mut excepted = 0;
    for (test, passed) in &outcomes {
        let name = format!("{binary}::{test}");
        let exception =
            EXCEPTIONS.iter().find(|e| e.hosts.contains(&host) && e.tests.contains(&name.as_str()));
        match (passed, exception) {
            (true, None) => {}
            (false, Some(exception)) => {
                excepted += 1;
                println!("{}: not here: {name}: {}", host.name(), exception.reason);
            }
            (true, Some(_)) => wrong.push(format!("{name} passes, and stands in the table of exceptions")),
            (false, None) => wrong.push(format!("{name} fails")),
        }
    }
    // A test that was renamed or removed leaves no exception behind.
    for exception in EXCEPTIONS.iter().filter(|e| e.hosts.contains(&host)).flat_map(|e| e.tests) {
        let Some(test) = exception.strip_prefix(binary).and_then(|rest| rest.strip_prefix("::")) else {
            continue;
        };
        let wanted = filters.is_empty() || filters.iter().any(|filter| test.starts_with(filter));
        if wanted && !outcomes.contains_key(test) {
            wrong.push(format!("{exception} stands in the table of exceptions, and did not run"));
        }
    }
    if outcomes.is_empty() {
        wrong.push(format!("no test of {binary} ran to its end"));
    }
    println!(
        "{}: {binary}: {} tests, {} passed, {excepted} exceptions, {} wrong, in {:.0} s",
        host.name(),
        outcomes.len(),
        outcomes.values().filter(|passed| **passed).count(),
        wrong.len(),
        begun.elapsed().as_secs_f64()
    );
    wrong.iter().for_each(|what| println!("{}: WRONG: {what}", host.name()));
    wrong.is_empty()
}

/// Which tests ran, and whether they passed. What they print goes on to whoever looks.
fn outcomes(host: Host, azurite: Option<&str>, binary: &str, filters: &[&str]) -> BTreeMap<String, bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--locked", "--release", "-p", "tests", "--test", binary, "--"]).args(filters);
    let mut child = command
        .env("PIERHEAD_HOST", host.name())
        .envs(azurite.map(|addr| (SHARED, addr)))
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo can be executed");
    let output = child.stdout.take().expect("a pipe");
    let (mut found, mut ended) = (BTreeMap::new(), false);
    for line in BufReader::new(output).lines() {
        let line = line.expect("cargo prints text");
        println!("{line}");
        ended |= line.starts_with("test result: ");
        let Some((test, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        else {
            continue;
        };
        let passed = match outcome {
            "ok" => true,
            "FAILED" => false,
            _ => continue,
        };
        if filters.is_empty() || filters.iter().any(|filter| test.starts_with(filter)) {
            found.insert(test.to_owned(), passed);
        }
    }
    child.wait().expect("a child can be waited for");
    // Without that line the tests did not run to their end, and what they said is no result.
    if ended { found } else { BTreeMap::new() }
}

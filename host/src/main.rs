//! The command line.

use clap::{Parser, Subcommand};
use pierhead::config::{self, Config, ConfigError};
use pierhead::serve::{Registry, run};
use pierhead::{certificate, check, collect, explain, log, serve, signing};
use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A container registry whose protocol handlers are WebAssembly components.
///
/// It reads the configuration file, the environment variables and the data directory of distribution
/// (registry:2, registry:3).
#[derive(Parser)]
#[command(name = "pierhead", version, disable_version_flag = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print the version.
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the registry until SIGTERM or SIGINT.
    ///
    /// Without CONFIG, the file named by REGISTRY_CONFIGURATION_PATH is read; without that, the defaults
    /// count: port 5000 of this machine alone, and data in ./data. Variables such as REGISTRY_HTTP_ADDR
    /// go before the file.
    Serve {
        /// The configuration file, in YAML.
        #[arg(env = config::FILE_VARIABLE)]
        config: Option<PathBuf>,
        /// Run this composed registry.wasm instead of the built-in one.
        #[arg(long, value_name = "FILE")]
        component: Option<PathBuf>,
    },
    /// Look at a configuration without serving it.
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Remove content that no manifest needs, beside a server that goes on serving it.
    ///
    /// Servers on other hosts, and of other makes, must not write to the same directory meanwhile.
    GarbageCollect(collect::Collect),
    /// Explain who may do what.
    #[command(subcommand)]
    Access(Access),
    /// Tell others what they need to verify the tokens of this registry.
    #[command(subcommand, arg_required_else_help = true)]
    Issuer(Issuer),
    /// Make certificates for TLS.
    #[command(subcommand, arg_required_else_help = true)]
    Cert(Cert),
}

#[derive(Subcommand)]
enum Access {
    /// Say which rule of a configuration grants a request. The exit status is 1 when none does.
    Check(explain::Check),
}

#[derive(Subcommand)]
enum Issuer {
    /// Print the public half of auth.issuer.key as a JSON Web Key Set, which another registry takes as auth.token.jwks.
    Keys {
        /// The configuration file, in YAML.
        #[arg(long, value_name = "FILE", env = config::FILE_VARIABLE)]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Say what a configuration comes to, and everything that is wrong with it.
    ///
    /// Standard output gets the configuration that counts, defaults and variables included, with where each value comes
    /// from and without secrets; standard error gets what became of each setting that was given. The exit status is 1
    /// when the server would not start. Certificates and keys for tokens are read; no other file is, and none is made.
    Check(check::Check),
}

#[derive(Subcommand)]
enum Cert {
    /// Make an authority of your own and a certificate for your hosts that it signs.
    ///
    /// Writes ca.crt, which clients have to trust, server.crt and server.key for http.tls.certificate and
    /// http.tls.key, and ca.key, which nobody needs to serve and which should be kept in a safe place. Where one of
    /// them is there already, nothing is written.
    SelfSigned {
        /// A host of the registry, by name or address, as clients write it but without the port; more than one may be
        /// given.
        #[arg(long, value_name = "NAME", required = true)]
        host: Vec<String>,
        /// The folder to write to.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// How many days the certificate is valid.
        #[arg(long, value_name = "N", default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
    },
}

static AOT: &[u8] = include_bytes!(concat!(env!("PIERHEAD_ARTEFACTS"), "/registry.cwasm"));
static WASM: &[u8] = include_bytes!(concat!(env!("PIERHEAD_ARTEFACTS"), "/registry.wasm"));

/// The environment; what is not UTF-8 cannot be a setting.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
/// The configuration in this file, if there is one, and in the environment.
fn configured(file: Option<&Path>) -> Result<Config, ConfigError> {
    Config::load(file, variables())
}

/// Why standard output took nothing.
#[derive(Debug, thiserror::Error)]
#[error("standard output: {0}")]
struct Unwritten(io::Error);

fn print(text: impl Display) -> Result<(), Unwritten> {
    let mut out = io::stdout();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(Unwritten)
}

/// What was asked for is granted, or passes.
fn verdict(passes: bool) -> ExitCode {
    if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(config: Option<PathBuf>, component: Option<PathBuf>) -> Result<(), serve::ServeError> {
    let config = configured(config.as_deref())?;
    let _log = log::start(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let registry = component.map_or(Registry::Own { aot: AOT, wasm: WASM }, Registry::File);
    run(config, registry)
}

fn done(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Serve { config, component } => serve(config, component)?,
        Command::Issuer(Issuer::Keys { config }) => {
            let config = configured(config.as_deref())?;
            print(signing::public_keys(&config.auth.issuer)? + "\n")?;
        }
        Command::GarbageCollect(collect) => {
            let config = configured(collect.config.as_deref())?;
            let _log = log::start(&config.log);
            collect.run(&config, &mut io::stdout())?;
        }
        Command::Cert(Cert::SelfSigned { host, out, days }) => {
            print(certificate::self_signed(&host, &out, days)?)?;
        }
        Command::Config(ConfigCommand::Check(check)) => {
            let checked = check.check(variables());
            let printed = print(checked.effective);
            let _ = write!(io::stderr(), "{}", checked.report);
            return printed.map(|()| verdict(checked.passes)).map_err(Box::from);
        }
        Command::Access(Access::Check(check)) => {
            let explained = check.explain(&configured(check.config.as_deref())?)?;
            print(explained.why + "\n")?;
            return Ok(verdict(explained.granted));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    // With RUST_BACKTRACE in the environment every error that wasmtime passes on, those of everyday
    // requests too, would capture a backtrace. This variable outranks it for errors; panics keep theirs.
    //
    // SAFETY: there is no other thread yet.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var("RUST_LIB_BACKTRACE", "0");
    }
    // Parts of uploads are mebibytes: when they are free the system has them back. Otherwise glibc raises this bound with the
    // first that is, and keeps all that come after it. Of what is smaller it keeps a little, as it would have then: buffers come
    // and go.
    //
    // SAFETY: it changes how memory is asked for, and nothing that is allocated.
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
    }
    done(Arguments::parse().command).unwrap_or_else(|error| {
        // Whoever reads no further has what they wanted.
        let unread = error.downcast_ref().is_some_and(|Unwritten(why)| why.kind() == ErrorKind::BrokenPipe);
        if !unread {
            let _ = writeln!(io::stderr(), "pierhead: {error}");
        }
        ExitCode::FAILURE
    })
}

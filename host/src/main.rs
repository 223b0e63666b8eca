//! The command line.

use clap::{Parser, Subcommand};
use pierhead::config::{self, Config};
use pierhead::serve::{Registry, run};
use pierhead::{log, serve};
use std::path::PathBuf;
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
}

static AOT: &[u8] = include_bytes!(concat!(env!("PIERHEAD_ARTEFACTS"), "/registry.cwasm"));
static WASM: &[u8] = include_bytes!(concat!(env!("PIERHEAD_ARTEFACTS"), "/registry.wasm"));

fn serve(config: Option<PathBuf>, component: Option<PathBuf>) -> Result<(), serve::ServeError> {
    // What is not UTF-8 cannot be a setting.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::load(config.as_deref(), variables)?;
    let _log = log::start(config.log.level);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let registry = component.map_or(Registry::Own { aot: AOT, wasm: WASM }, Registry::File);
    run(config, registry)
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
    let Command::Serve { config, component } = Arguments::parse().command;
    match serve(config, component) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pierhead: {error}");
            ExitCode::FAILURE
        }
    }
}

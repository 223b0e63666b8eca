//! Builds the artefacts: joins the components to `registry.wasm`, and compiles it to `registry.cwasm`.

use clap::Parser;
use pierhead::{artefact, engine};
use std::path::{Path, PathBuf};
use wasmtime::error::Context;
use wasmtime::{Engine, Result};

/// Joins components to one registry, and compiles it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder to write registry.wasm and registry.cwasm to.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The component that speaks HTTP.
    front: PathBuf,
    /// The components that it imports.
    #[arg(required = true)]
    parts: Vec<PathBuf>,
}

fn part(path: &Path) -> Result<artefact::Part> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(artefact::Part { name, bytes })
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let plugs = arguments.parts.iter().map(|path| part(path)).collect::<Result<_>>()?;
    let wasm = artefact::compose(part(&arguments.front)?, plugs)?;
    let mut config = engine::config(&engine::Bounds::default());
    config.target(engine::TARGET)?;
    let aot = Engine::new(&config)?.precompile_component(&wasm)?;
    std::fs::create_dir_all(&arguments.out)?;
    std::fs::write(arguments.out.join("registry.wasm"), &wasm)?;
    std::fs::write(arguments.out.join("registry.cwasm"), &aot)?;
    println!("{}: {} bytes, compiled {}", arguments.out.display(), wasm.len(), aot.len());
    Ok(())
}

//! Builds an artefact: joins components to one, and compiles it where that is asked for.

use clap::Parser;
use pierhead::{artefact, engine};
use std::path::{Path, PathBuf};
use wasmtime::Result;
use wasmtime::error::Context;

/// Joins components to one: what one imports and another one exports is connected.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The file to write; its folder is made.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the code goes that it is compiled to, for machines of this architecture.
    #[arg(long, value_name = "FILE")]
    compiled: Option<PathBuf>,
    /// The component whose exports are those of the whole.
    first: PathBuf,
    /// What it imports, and what that imports.
    #[arg(required = true)]
    parts: Vec<PathBuf>,
}

fn part(path: &Path) -> Result<artefact::Part> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(artefact::Part { name, bytes })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let paths = [&arguments.first].into_iter().chain(&arguments.parts);
    let wasm = artefact::compose(paths.map(|path| part(path)).collect::<Result<_>>()?)?;
    if let Some(compiled) = &arguments.compiled {
        write(compiled, &engine::compiler()?.precompile_component(&wasm)?)?;
    }
    write(&arguments.out, &wasm)
}

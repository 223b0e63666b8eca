//! The composed registry: how it is joined out of its parts, and compiled.

use std::fmt::Display;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};
use wasmparser::BinaryReader;
use wasmtime::component::Component;
use wasmtime::error::Context;
use wasmtime::{Engine, Result, bail, format_err};

/// How many bytes a component begins with before its first section.
const PREAMBLE: usize = 8;

/// The number of sections that have a name in place of a meaning.
const CUSTOM: u8 = 0;

/// A component to be composed: its name, for messages, and its bytes.
pub struct Part {
    /// `front`, `auth`, …
    pub name: String,
    /// A binary component.
    pub bytes: Vec<u8>,
}

/// Joins the parts to one component: what one of them imports and another one exports is connected; every other
/// import becomes an import of the whole, and what the first part exports is what the whole exports. A part that is
/// composed already stays as it is, a component within the whole.
///
/// The same parts give the same bytes.
///
/// # Errors
/// Something is no component, or a part has nothing to do with any other.
pub fn compose(parts: Vec<Part>) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut instances = Vec::new();
    for part in parts {
        let name = format!("pierhead:{}", part.name);
        let no_component = |error: &dyn Display| format_err!("{}: not a component: {error:#}", part.name);
        let bytes = unnamed(&part.bytes).map_err(|error| no_component(&error))?;
        let package = Package::from_bytes(&name, None, bytes, graph.types_mut())
            .map_err(|error| no_component(&error))?;
        let package =
            graph.register_package(package).map_err(|error| format_err!("{}: {error}", part.name))?;
        instances.push((part.name, package, graph.instantiate(package)));
    }
    let mut connected = vec![instances.len() == 1; instances.len()];
    for (to, (importer, package, instance)) in instances.iter().enumerate() {
        let imports: Vec<String> = graph.types()[graph[*package].ty()].imports.keys().cloned().collect();
        for name in imports {
            let exports = |of: &PackageId| graph.types()[graph[*of].ty()].exports.contains_key(&name);
            let Some(from) = instances.iter().position(|(_, package, _)| exports(package)) else { continue };
            let (exporter, _, source) = &instances[from];
            let joined = |error: &dyn Display| format_err!("{importer} and {exporter}: {name}: {error}");
            let export = graph.alias_instance_export(*source, &name).map_err(|error| joined(&error))?;
            graph.set_instantiation_argument(*instance, &name, export).map_err(|error| joined(&error))?;
            (connected[from], connected[to]) = (true, true);
        }
    }
    if let Some(alone) = connected.iter().position(|connected| !connected) {
        bail!("{} imports nothing of the other parts and exports nothing to them", instances[alone].0);
    }
    let (name, package, instance) = instances.first().context("nothing to compose")?;
    let exports: Vec<String> = graph.types()[graph[*package].ty()].exports.keys().cloned().collect();
    for export in exports {
        let alias =
            graph.alias_instance_export(*instance, &export).map_err(|e| format_err!("{name}: {e}"))?;
        graph.export(alias, &export).map_err(|error| format_err!("{name}: {export}: {error}"))?;
    }
    let options = EncodeOptions { define_components: true, validate: true, processor: None };
    graph.encode(options).map_err(|error| format_err!("{error:#}"))
}

/// A component without the names of its types and instances, a tenth of it, which nothing reads. Those of its functions stay:
/// they are in the modules within, and in the backtrace of a trap.
fn unnamed(component: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut reader = BinaryReader::new(component, 0);
    let mut kept = reader.read_bytes(PREAMBLE)?.to_vec();
    while !reader.eof() {
        let rest = &component[component.len() - reader.bytes_remaining()..];
        let is_custom = reader.read_u8()? == CUSTOM;
        let size = reader.read_var_u32()? as usize;
        let section = reader.read_bytes(size)?;
        if !is_custom || BinaryReader::new(section, 0).read_string()? != "component-name" {
            kept.extend_from_slice(&rest[..rest.len() - reader.bytes_remaining()]);
        }
    }
    Ok(kept)
}

/// Loads a composed registry that was compiled when the server was built. Should that code not fit this
/// machine, it is compiled anew from `wasm`.
pub fn load(engine: &Engine, aot: &[u8], wasm: &[u8]) -> Result<Component> {
    // SAFETY: `deserialize` trusts its input to be what `precompile_component` made. These bytes were made
    // by `compose` in the same build and are part of this executable; wasmtime itself refuses another
    // version's, another architecture's and other settings'.
    #[allow(unsafe_code)]
    let loaded = unsafe { Component::deserialize(engine, aot) };
    match loaded {
        Ok(component) => Ok(component),
        Err(error) => {
            tracing::warn!(%error, "the registry's compiled code does not fit this machine: compiling it anew");
            Component::from_binary(engine, wasm)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Bounds};

    /// The smallest component: it has nothing in it.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn compiled_code_that_fits_is_run_as_it_is() {
        let engine = engine::engine(&Bounds::default()).unwrap();
        let aot = engine.precompile_component(EMPTY).unwrap();
        // The component itself is not looked at.
        load(&engine, &aot, b"no component").unwrap();
    }

    #[test]
    fn compiled_code_that_does_not_fit_is_compiled_anew() {
        let engine = engine::engine(&Bounds::default()).unwrap();
        let mut other = engine::config(&Bounds::default());
        other.epoch_interruption(false);
        let foreign = Engine::new(&other).unwrap().precompile_component(EMPTY).unwrap();
        for aot in [&foreign[..], b"no code at all", b""] {
            load(&engine, aot, EMPTY).unwrap();
            assert!(load(&engine, aot, b"no component").is_err());
        }
    }

    #[test]
    fn code_made_ahead_fits_this_machine() {
        let aot = engine::compiler().unwrap().precompile_component(EMPTY).unwrap();
        let here = engine::engine(&Bounds { instances: 4, memory: 16 << 20 }).unwrap();
        load(&here, &aot, b"no component").unwrap();
    }

    #[test]
    fn what_is_no_component_cannot_be_composed_and_is_named() {
        let part = |name: &str| Part { name: name.into(), bytes: b"text".to_vec() };
        let error = compose(vec![part("front"), part("auth")]).unwrap_err().to_string();
        assert!(error.contains("front"), "{error}");
    }

    #[test]
    fn a_part_that_has_nothing_to_do_with_the_others_is_named() {
        let part = |name: &str| Part { name: name.into(), bytes: EMPTY.to_vec() };
        let error = compose(vec![part("front"), part("auth")]).unwrap_err().to_string();
        assert!(error.contains("front imports nothing"), "{error}");
    }
}

//! What a component says of itself.

use std::path::Path;
use wasmparser::{Parser, Payload};

/// The names of what a component imports, in their order and without their versions.
///
/// # Panics
/// When the file is no component.
pub fn imports(component: &Path) -> Vec<String> {
    let bytes = std::fs::read(component)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make build`", component.display()));
    let mut found = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.expect("a component that was just built") {
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.expect("an import").name.name;
                    found.push(name.split('@').next().unwrap_or(name).to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

//! What `make artefacts` leaves: one registry, joined with what other hosts lack.

use std::path::PathBuf;
use tests::component::imports;

fn artefact(name: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts").join(name);
    assert!(file.exists(), "{name} is not there: run `make artefacts`");
    file
}

/// Those that have the handlers in them, and what each of them imports beside WASI.
const COMPOSED: [(&str, &[&str]); 5] = [
    ("registry-readonly.wasm", &["pierhead"]),
    ("pierhead-fs.wasm", &[]),
    ("pierhead-s3.wasm", &[]),
    ("pierhead-s3-readonly.wasm", &[]),
    // What Spin alone has: its database and its variables.
    ("pierhead-spin.wasm", &["spin", "fermyon"]),
];

#[test]
fn the_handlers_in_all_of_them_are_the_same_bytes() {
    let handlers = std::fs::read(artefact("registry.wasm")).expect("the handlers");
    for (name, _) in COMPOSED {
        let whole = std::fs::read(artefact(name)).expect("an artefact");
        println!("{name}: {} bytes, {} of them the handlers", whole.len(), handlers.len());
        let found = (0..=whole.len() - handlers.len()).any(|at| whole[at..].starts_with(&handlers));
        assert!(found, "{name} has other handlers in it than registry.wasm");
    }
}

#[test]
fn what_is_joined_for_a_host_asks_it_for_wasi_and_nothing_of_ours() {
    for (name, beside) in COMPOSED {
        for import in imports(&artefact(name)) {
            let package = import.split(':').next().unwrap_or_default();
            assert!(package == "wasi" || beside.contains(&package), "{name} imports {import}");
        }
    }
}

#[test]
fn a_registry_that_may_not_write_has_nothing_to_write_with() {
    let left = imports(&artefact("registry-readonly.wasm"));
    println!("registry-readonly.wasm imports:\n  {}", left.join("\n  "));
    for writes in ["uploads", "blob-writer", "manifest-writer"] {
        assert!(!left.contains(&format!("pierhead:storage/{writes}")), "it can still write: {left:?}");
        let handlers = imports(&artefact("registry.wasm"));
        assert!(
            handlers.contains(&format!("pierhead:storage/{writes}")),
            "the name is another one: {handlers:?}"
        );
    }
}

/// What compiled components may call wasmtime for. An instruction that the machine they are compiled for lacks would be one
/// more: SHA-256 was slow when shuffles of bytes were (docs/decisions/0003).
const BUILTINS: [&str; 6] =
    ["memory_copy", "memory_fill", "memory_grow", "new_epoch", "ref_func", "table_get_lazy_init_func_ref"];

#[test]
fn the_compiled_handlers_call_wasmtime_for_memory_and_time_and_no_instruction() {
    let compiled = std::fs::read(artefact("registry.cwasm")).expect("the compiled handlers");
    let names = compiled.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok());
    let called: Vec<&str> = names.filter_map(|name| name.strip_prefix("wasmtime_builtin_")).collect();
    assert!(called.contains(&"memory_copy"), "the names are other ones: {called:?}");
    for name in called {
        assert!(BUILTINS.contains(&name), "they call wasmtime for {name}");
    }
}

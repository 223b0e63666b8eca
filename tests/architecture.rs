//! What ARCHITECTURE.md promises about the tree itself, as tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::component::imports;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Which of our packages each of our packages may depend on. An edge that is not here needs a reason, and
/// then a line here.
const EDGES: [(&str, &[&str]); 41] = [
    ("names", &[]),
    ("protocol", &["names"]),
    ("layout", &["names"]),
    // Of the protocol it needs what a manifest says of itself, to keep the referrers.
    ("tree", &["names", "layout", "protocol"]),
    // Of the protocol it needs what a manifest names.
    ("garbage", &["names", "protocol", "tree"]),
    ("units", &[]),
    // What the component decides by, and the command explains with.
    ("access", &[]),
    ("tokens", &[]),
    ("htpasswd", &[]),
    ("s3", &["units"]),
    // Of the protocol it needs what a manifest says of itself, to keep the referrers.
    ("azure", &["s3"]),
    ("objects", &["garbage", "names", "layout", "platform", "protocol", "tree"]),
    // Of the protocol it needs what a manifest names, to collect garbage.
    ("bucket", &["azure", "garbage", "layout", "names", "objects", "platform", "protocol", "s3", "tree"]),
    ("platform", &["guest-log", "guest-task"]),
    ("components/front", &["names", "protocol"]),
    ("components/auth", &["access", "guest-log", "names", "tokens"]),
    ("components/blobs", &["protocol"]),
    // Of access manifests needs the patterns of what someone may list.
    ("components/manifests", &["access", "names", "protocol"]),
    ("components/settings", &["guest-log", "units"]),
    ("components/log", &[]),
    ("components/task", &[]),
    ("components/http-plain", &["guest-task"]),
    ("components/config-environment", &["settings"]),
    ("components/config-spin", &["settings"]),
    ("components/credentials-htpasswd", &["guest-log", "htpasswd", "settings"]),
    ("components/deny-writes", &[]),
    // Of the protocol it needs what a manifest says its media type is.
    (
        "components/store",
        &["guest-log", "guest-task", "names", "objects", "platform", "protocol", "settings", "tree"],
    ),
    (
        "components/store-fs",
        &["guest-log", "guest-store", "guest-task", "layout", "objects", "platform", "tree"],
    ),
    // Of the tree it needs the hash over an upload: it has tables, and no paths.
    ("components/store-spin", &["guest-log", "guest-task", "names", "protocol", "settings", "tree"]),
    ("components/store-s3", &["bucket", "guest-store", "objects"]),
    ("host/store", &["garbage", "names", "layout", "protocol", "tree"]),
    ("host/credentials", &["htpasswd"]),
    // Of the protocol it needs the types of manifests; of the tree, what a digest is of bytes.
    ("host/upstream", &["names", "protocol", "tree"]),
    // Of the protocol the host needs the table of errors, for the answers it has to give itself, and what a manifest is, for those
    // that a cache fetches.
    (
        "host",
        &[
            "access",
            "bucket",
            "credentials",
            "garbage",
            "names",
            "objects",
            "platform",
            "protocol",
            "store",
            "tokens",
            "tree",
            "units",
            "upstream",
        ],
    ),
    ("tests", &["names"]),
    ("tests/components/auth", &[]),
    ("tests/properties", &["names", "protocol"]),
    ("fuzz", &["properties", "tests"]),
    ("bench", &[]),
    ("bench/components/bare", &["guest-task"]),
    ("bench/components/bare-spin", &["guest-task"]),
];

/// What Rust's standard library imports for wasm32-wasip2, all of version 0.2. On our host it sees nothing.
const STANDARD_LIBRARY: [&str; 13] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// What is in `registry.wasm`; the others are built as small as they can be.
const HANDLERS: [&str; 4] = ["front", "auth", "blobs", "manifests"];

/// What each component imports beside that.
const IMPORTS: [(&str, &[&str]); 12] = [
    (
        "front",
        &[
            "pierhead:host/config",
            "pierhead:host/http",
            "pierhead:registry/auth",
            "pierhead:registry/blobs",
            "pierhead:registry/manifests",
            "pierhead:registry/types",
            "pierhead:storage/types",
            "wasi:http/types",
        ],
    ),
    (
        "auth",
        &[
            "pierhead:host/config",
            "pierhead:host/credentials",
            "pierhead:host/signer",
            "pierhead:registry/types",
            "wasi:clocks/system-clock",
        ],
    ),
    (
        "blobs",
        &[
            "pierhead:host/config",
            "pierhead:storage/blob-writer",
            "pierhead:storage/blobs",
            "pierhead:storage/types",
            "pierhead:storage/uploads",
        ],
    ),
    (
        "manifests",
        &[
            "pierhead:host/config",
            "pierhead:registry/types",
            "pierhead:storage/catalog",
            "pierhead:storage/manifest-writer",
            "pierhead:storage/manifests",
            "pierhead:storage/types",
            // The standard library again, for the maps in regex-lite: it is asked how to hash, and for no secret.
            "wasi:random/insecure-seed",
        ],
    ),
    ("http-plain", &["pierhead:storage/types", "wasi:http/types"]),
    ("config-environment", &[]),
    (
        "credentials-htpasswd",
        &["pierhead:host/config", "wasi:clocks/monotonic-clock", "wasi:random/insecure-seed"],
    ),
    ("deny-writes", &["pierhead:storage/types"]),
    (
        "store-fs",
        &[
            "pierhead:host/config",
            "wasi:clocks/monotonic-clock",
            "wasi:clocks/system-clock",
            "wasi:clocks/types",
            "wasi:filesystem/preopens",
            "wasi:filesystem/types",
            "wasi:random/insecure-seed",
            "wasi:random/random",
        ],
    ),
    ("config-spin", &["fermyon:spin/variables", "wasi:random/insecure-seed"]),
    (
        "store-spin",
        &[
            "pierhead:host/config",
            "spin:sqlite/sqlite",
            "wasi:clocks/monotonic-clock",
            "wasi:clocks/types",
            "wasi:random/random",
        ],
    ),
    (
        "store-s3",
        &[
            "pierhead:host/config",
            "wasi:clocks/monotonic-clock",
            "wasi:clocks/system-clock",
            "wasi:clocks/types",
            "wasi:http/client",
            "wasi:http/types",
            "wasi:random/insecure-seed",
            "wasi:random/random",
        ],
    ),
];

/// The longest source file.
const LINES: usize = 400;

/// The files git knows or would know, with these endings.
fn sources(endings: &[&str]) -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the tree");
    let text = String::from_utf8(listed.stdout).expect("our names are ASCII");
    let mut found = Vec::new();
    for name in text.lines().filter(|name| endings.iter().any(|ending| name.ends_with(ending))) {
        if let Ok(content) = std::fs::read_to_string(root().join(name)) {
            found.push((name.to_owned(), content));
        }
    }
    assert!(found.len() > 10, "the tree has sources: {text}");
    found
}

/// The code of a file: without comments, and without the tests at its end.
fn code(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = content.find("#[cfg(test)]").unwrap_or(content.len());
    let lines = content[..end].lines().enumerate();
    lines.map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn packages_depend_only_on_what_the_table_allows() {
    let allowed: BTreeMap<_, _> = EDGES.into_iter().collect();
    for (manifest, content) in sources(&["Cargo.toml"]) {
        let Some(folder) = manifest.strip_suffix("/Cargo.toml") else { continue };
        let allowed = allowed.get(folder).unwrap_or_else(|| panic!("{folder} is not in the table of edges"));
        let ours: BTreeSet<&str> =
            EDGES.iter().map(|(folder, _)| folder.rsplit('/').next().unwrap_or(folder)).collect();
        for line in content.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if line.contains("workspace = true") && ours.contains(name) {
                assert!(allowed.contains(&name), "{folder} depends on {name}, which its row does not allow");
            }
        }
    }
}

#[test]
fn components_import_what_the_table_says_and_nothing_else() {
    for (component, own) in IMPORTS {
        let profile = if HANDLERS.contains(&component) { "guest" } else { "adapter" };
        let name = component.replace('-', "_");
        let file = root().join(format!("target/wasm32-wasip2/{profile}/{name}.wasm"));
        let found: BTreeSet<String> = imports(&file).into_iter().collect();
        let own: BTreeSet<String> = own.iter().map(ToString::to_string).collect();
        let standard: BTreeSet<String> = STANDARD_LIBRARY.iter().map(ToString::to_string).collect();
        let beside: BTreeSet<String> = found.difference(&standard).cloned().collect();
        assert_eq!(beside, own, "the imports of {component}");
    }
}

#[test]
fn source_files_are_short_enough_to_read() {
    for (name, content) in sources(&[".rs", ".wit", ".py", ".sh"]) {
        let lines = content.lines().count();
        assert!(
            lines <= LINES || name.starts_with("wit/deps/"),
            "{name} has {lines} lines, more than {LINES}: is there a second noun in it?"
        );
    }
}

#[test]
fn paths_of_the_tree_are_spelled_in_layout_alone() {
    let spelled = [
        "docker/registry",
        "\"_layers",
        "\"_manifests",
        "\"_uploads",
        "\"_writing-",
        "\"_copy-",
        "\"_copied-",
        "/_layers",
        "/_manifests",
        "/_uploads",
    ];
    for (name, content) in sources(&[".rs"]) {
        if ["layout/", "tests/", "host/store/tests/"].iter().any(|room| name.starts_with(room)) {
            continue;
        }
        for (line, text) in code(&content) {
            for path in spelled {
                assert!(!text.contains(path), "{name}:{line} spells {path:?}: that belongs to layout/");
            }
        }
    }
}

#[test]
fn statuses_are_chosen_by_front_and_the_table_alone() {
    let rooms = [
        "access/",
        "tokens/",
        "host/",
        "layout/",
        "names/",
        "components/auth/",
        "components/blobs/",
        "components/manifests/",
    ];
    let statuses = [
        "200", "201", "202", "204", "206", "304", "400", "401", "403", "404", "405", "413", "416", "429",
        "500", "503",
    ];
    for (name, content) in sources(&[".rs"]) {
        // What watches the server does not speak the registry's protocol.
        let debug = name == "host/src/debug.rs";
        // Clients read them.
        let client = name.starts_with("host/upstream/") || name == "host/src/notifications/delivery.rs";
        if !rooms.iter().any(|room| name.starts_with(room)) || name.contains("/tests") || debug || client {
            continue;
        }
        for (line, text) in code(&content) {
            let number = |word: &str| statuses.contains(&word);
            let bare = text.split('"').step_by(2).collect::<String>();
            let found = bare.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(number);
            let named = text
                .split("StatusCode::")
                .skip(1)
                .any(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
            assert!(!found && !named, "{name}:{line} chooses a status: {}", text.trim());
        }
    }
}

#[test]
fn vendored_wasi_is_what_wasmtime_ships() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo knows its packages");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package =
        packages.iter().find(|package| package["name"] == "wasmtime-wasi-http").expect("the host has it");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    let shipped = manifest.parent().expect("a folder").join("src/p3/wit/deps");
    let mut files = 0;
    for entry in std::fs::read_dir(root().join("wit/deps")).expect("wit/deps") {
        let ours = entry.expect("an entry").path();
        let theirs = shipped.join(ours.file_name().expect("a file"));
        assert_eq!(
            std::fs::read_to_string(&ours).expect("ours"),
            std::fs::read_to_string(&theirs).expect("theirs"),
            "{} is not what wasmtime-wasi-http ships",
            ours.display()
        );
        files += 1;
    }
    assert!(files > 0, "nothing is vendored");
}

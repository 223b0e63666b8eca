//! The tables of docs/conformance.md, held to the tests and to the text of the specification.
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The words that make a sentence a requirement (RFC 2119). `MUST NOT` and its like begin with one of them.
const KEYWORDS: [&str; 5] = ["MUST", "SHOULD", "SHALL", "REQUIRED", "RECOMMENDED"];

/// The section that explains these words and requires nothing.
const CONVENTIONS: &str = "Notational Conventions";

/// What a quote leaves out.
const ELISION: &str = " … ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/conformance.md")).expect("docs/conformance.md")
}

/// A requirement on the page.
struct Row {
    section: String,
    quote: String,
}

/// The requirements of all tables: those under the heading of their section, and those whose first cell names it.
fn rows(page: &str) -> Vec<Row> {
    let (mut heading, mut rows) = ("", Vec::new());
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            heading = title;
        }
        let Some(inside) = line.strip_prefix("| ").and_then(|rest| rest.strip_suffix(" |")) else { continue };
        let cells: Vec<_> = inside.split(" | ").collect();
        let (section, quote) = match (heading, cells.as_slice()) {
            (_, [first, ..]) if first.starts_with("---") => continue,
            (_, ["requirement" | "section" | "version", ..]) | ("The published program", _) => continue,
            (
                "What asks something of clients" | "What does not apply, or is not done",
                [section, quote, ..],
            ) => (*section, *quote),
            (section, [quote, _]) => (section, *quote),
            _ => panic!("docs/conformance.md has a row of another kind: {line}"),
        };
        rows.push(Row { section: section.to_owned(), quote: quote.to_owned() });
    }
    assert!(rows.len() > 100, "the tables are not where they were: {} rows", rows.len());
    rows
}

/// The tests that the page names: `module::name`, or `wire::module::name`, or `native::…`.
fn named(page: &str) -> BTreeSet<String> {
    let code =
        page.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2));
    code.filter(|text| text.contains("::")).map(str::to_owned).collect()
}

/// The tests in the files of a folder beside this one, as `prefix`, module, name.
fn tests(folder: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("tests").join(folder)).expect("a folder of tests") {
        let path = entry.expect("an entry").path();
        let module = path.file_stem().and_then(|stem| stem.to_str()).expect("a module").to_owned();
        let text = std::fs::read_to_string(&path).expect("a source file");
        for after in text.split("#[test]").skip(1) {
            if let Some((name, _)) = after.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')) {
                found.insert(format!("{prefix}{module}::{name}"));
            }
        }
    }
    found
}

/// Markdown as it is read: spaces for line ends, links without their targets.
fn plain(markdown: &str) -> String {
    let mut text = markdown.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some(close) = text.find("](") {
        let open = text[..close].rfind('[').expect("a link has a beginning");
        let end = close + text[close..].find(')').expect("a link has an end");
        // A target may have one pair of brackets of its own.
        let end = if text[close + 2..end].contains('(') { end + 1 } else { end };
        text = [&text[..open], &text[open + 1..close], &text[end + 1..]].concat();
    }
    text
}

/// The sections of the specification, each up to the next heading of any level.
fn sections(specification: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in specification.lines() {
        match (line.strip_prefix('#'), sections.last_mut()) {
            (Some(heading), _) => {
                sections.push((heading.trim_start_matches('#').trim().to_owned(), String::new()))
            }
            (None, Some((_, text))) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    sections.into_iter().map(|(title, text)| (title, plain(&text))).collect()
}

/// Where the parts of a quote stand in a text, one behind the other.
fn find(text: &str, quote: &str) -> Option<Vec<Range<usize>>> {
    let mut from = 0;
    let parts = quote.split(ELISION).map(|part| {
        let begin = from + text[from..].find(part)?;
        from = begin + part.len();
        Some(begin..from)
    });
    parts.collect()
}

/// Where a text requires something.
fn requirements(text: &str) -> Vec<usize> {
    let mut found: Vec<_> =
        KEYWORDS.iter().flat_map(|word| text.match_indices(word)).map(|(at, _)| at).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_test_that_the_tables_name_is_there() {
    let there: BTreeSet<_> = [("specification", ""), ("wire", "wire::"), ("native", "native::")]
        .map(|(f, p)| tests(f, p))
        .into_iter()
        .flatten()
        .collect();
    for name in named(&page()) {
        assert!(there.contains(&name), "docs/conformance.md names {name}, and there is no such test");
    }
}

#[test]
fn every_test_of_the_specification_is_in_the_tables() {
    let named = named(&page());
    for name in tests("specification", "") {
        let ours = name.starts_with("table::");
        assert!(ours || named.contains(&name), "{name} stands in no table of docs/conformance.md");
    }
}

#[test]
#[ignore = "SPECIFICATION=path/to/spec.md"]
fn every_requirement_of_the_specification_is_quoted() {
    let file = std::env::var_os("SPECIFICATION").expect("SPECIFICATION says where spec.md is");
    let specification = std::fs::read_to_string(file).expect("SPECIFICATION is the specification's spec.md");
    let sections = sections(&specification);
    let rows = rows(&page());
    for row in &rows {
        let there =
            sections.iter().any(|(title, text)| *title == row.section && find(text, &row.quote).is_some());
        assert!(there, "section {:?} does not say: {}", row.section, row.quote);
    }
    let mut missing = Vec::new();
    for (title, text) in sections.iter().filter(|(title, _)| title != CONVENTIONS) {
        let of_section = rows.iter().filter(|row| row.section == *title);
        let quoted: Vec<_> = of_section.flat_map(|row| find(text, &row.quote)).flatten().collect();
        let open = requirements(text).into_iter().filter(|at| !quoted.iter().any(|quote| quote.contains(at)));
        missing.extend(open.map(|at| {
            let until = text[at..].char_indices().map(|(i, _)| at + i).nth(80).unwrap_or(text.len());
            format!("{title}: {}", &text[at..until])
        }));
    }
    assert!(missing.is_empty(), "docs/conformance.md does not quote:\n{}", missing.join("\n"));
}

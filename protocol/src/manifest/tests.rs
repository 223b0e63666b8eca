use super::*;
use serde_json::{Value, json};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const UNKNOWN: &str = "application/vnd.example.thing.v1+json";

fn descriptor(media_type: &str, digest: &str) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": 7})
}

fn image(media_type: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor("application/vnd.oci.image.config.v1+json", A),
        "layers": [descriptor(LAYER, B), descriptor(LAYER, B)],
    })
}

fn index(media_type: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [descriptor(OCI_MANIFEST, A), descriptor(OCI_INDEX, B)],
    })
}

/// `document` with the value at `pointer` replaced, or added at the top level.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    match document.pointer_mut(pointer) {
        Some(found) => *found = value,
        None => {
            document.as_object_mut().unwrap().insert(pointer[1..].to_owned(), value);
        }
    }
    document
}

fn without(mut document: Value, key: &str) -> Value {
    document.as_object_mut().unwrap().remove(key).expect("the key is there");
    document
}

fn parse(document: &Value, content_type: Option<&str>) -> Result<Manifest, String> {
    Manifest::parse(document.to_string().as_bytes(), content_type).map_err(|e| {
        assert_eq!((e.status, e.code), (400, Code::ManifestInvalid));
        e.message.into_owned()
    })
}

fn digests(descriptors: &[Descriptor]) -> Vec<&str> {
    descriptors.iter().map(|d| d.digest.as_str()).collect()
}

#[track_caller]
fn refused(document: &Value, content_type: Option<&str>, because: &str) {
    let message = parse(document, content_type).expect_err(because);
    assert!(message.contains(because), "{message:?} does not say {because:?}");
}

#[track_caller]
fn refused_text(text: &[u8], because: &str) {
    let message = Manifest::parse(text, None).expect_err(because).message;
    assert!(message.contains(because), "{message:?} does not say {because:?}");
}

#[test]
fn an_image_needs_its_config_and_layers() {
    for media_type in [DOCKER_MANIFEST, OCI_MANIFEST] {
        let manifest = parse(&image(media_type), Some(media_type)).unwrap();
        assert_eq!(manifest.media_type, media_type);
        assert!(manifest.says_type);
        assert_eq!(digests(&manifest.blobs), [A, B, B]);
        assert_eq!((manifest.blobs[1].size, &*manifest.blobs[1].media_type), (7, LAYER));
        assert_eq!(manifest.manifests, []);
        assert_eq!(manifest.subject, None);
    }
}

#[test]
fn an_index_needs_its_manifests() {
    for media_type in [DOCKER_LIST, OCI_INDEX] {
        let manifest = parse(&index(media_type), Some(media_type)).unwrap();
        assert_eq!(manifest.media_type, media_type);
        assert_eq!(digests(&manifest.manifests), [A, B]);
        assert_eq!(manifest.blobs, []);
    }
}

#[test]
fn layers_that_live_elsewhere_are_not_needed() {
    let mut by_url = descriptor(LAYER, B);
    by_url["urls"] = json!(["https://example.com/layer"]);
    let mut no_url = descriptor(LAYER, C);
    no_url["urls"] = json!([]);
    let nondistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
    let layers = json!([by_url, descriptor(FOREIGN, B), descriptor(nondistributable, B), no_url]);
    let manifest = parse(&with(image(OCI_MANIFEST), "/layers", layers), None).unwrap();
    assert_eq!(digests(&manifest.blobs), [A, C]);
}

#[test]
fn a_build_cache_is_an_index_of_blobs() {
    let cache = json!([
        descriptor(LAYER, A),
        descriptor("application/vnd.buildkit.cacheconfig.v0", B),
        descriptor("application/vnd.example.manifest", C),
        {"digest": A, "size": 0},
        descriptor(FOREIGN, C),
    ]);
    let manifest = parse(&with(index(OCI_INDEX), "/manifests", cache), None).unwrap();
    assert_eq!(digests(&manifest.blobs), [A, B]);
    assert_eq!(digests(&manifest.manifests), [C, A]);
}

#[test]
fn a_subject_is_told_and_not_needed() {
    let manifest = parse(&with(image(OCI_MANIFEST), "/subject", descriptor(OCI_MANIFEST, C)), None).unwrap();
    assert_eq!(manifest.subject.unwrap().digest.as_str(), C);
    assert_eq!(digests(&manifest.blobs), [A, B, B]);
    refused(&with(image(OCI_MANIFEST), "/subject", json!("x")), None, "subject must be a descriptor");
}

#[test]
fn an_empty_list_may_be_written_as_null() {
    let manifest = parse(&with(image(OCI_MANIFEST), "/layers", Value::Null), None).unwrap();
    assert_eq!(digests(&manifest.blobs), [A]);
    let nulls = with(with(image(OCI_MANIFEST), "/subject", Value::Null), "/manifests", Value::Null);
    assert_eq!(parse(&nulls, None).unwrap().blobs.len(), 3);
    assert_eq!(parse(&with(index(OCI_INDEX), "/manifests", Value::Null), None).unwrap().manifests, []);
}

#[test]
fn the_header_and_the_bytes_settle_the_media_type_together() {
    let silent_image = without(image(OCI_MANIFEST), "mediaType");
    let silent_index = without(index(OCI_INDEX), "mediaType");
    let silent_unknown = json!({"hello": "world"});
    let docker = Some("application/vnd.docker.distribution.manifest.v2+json; charset=utf-8");
    for (document, header, media_type, says_type) in [
        (&image(DOCKER_MANIFEST), docker, DOCKER_MANIFEST, true),
        (&image(DOCKER_MANIFEST), None, DOCKER_MANIFEST, true),
        (&image(DOCKER_MANIFEST), Some("application/json"), DOCKER_MANIFEST, true),
        (&image(DOCKER_MANIFEST), Some(""), DOCKER_MANIFEST, true),
        (
            &image(DOCKER_MANIFEST),
            Some("Application/Vnd.Docker.Distribution.Manifest.V2+JSON"),
            DOCKER_MANIFEST,
            true,
        ),
        (&silent_image, Some(OCI_MANIFEST), OCI_MANIFEST, true),
        (&silent_image, None, OCI_MANIFEST, true),
        (&silent_image, docker, DOCKER_MANIFEST, false),
        (&silent_image, Some(UNKNOWN), UNKNOWN, false),
        (&silent_image, Some("Application/VND.OCI.image.manifest.v1+json"), OCI_MANIFEST, true),
        (&silent_index, Some("application/json"), OCI_INDEX, true),
        (&silent_image, Some("application/x-www-form-urlencoded"), OCI_MANIFEST, true),
        (&silent_image, Some("Application/Octet-Stream"), OCI_MANIFEST, true),
        (&silent_index, Some("text/plain; charset=utf-8"), OCI_INDEX, true),
        (&silent_index, Some("multipart/form-data; boundary=x"), OCI_INDEX, true),
        (&silent_index, Some(DOCKER_LIST), DOCKER_LIST, false),
        (&silent_unknown, Some(UNKNOWN), UNKNOWN, false),
        (&with(silent_unknown.clone(), "/mediaType", json!(UNKNOWN)), None, UNKNOWN, true),
        (&with(silent_image.clone(), "/mediaType", json!("")), None, OCI_MANIFEST, true),
        (&with(silent_image.clone(), "/mediaType", Value::Null), None, OCI_MANIFEST, true),
    ] {
        let manifest = parse(document, header).unwrap_or_else(|e| panic!("{document} {header:?}: {e}"));
        assert_eq!((&*manifest.media_type, manifest.says_type), (media_type, says_type), "{document}");
        let found = media_type_of(document.to_string().as_bytes()).map(|found| found.into_owned());
        assert_eq!(found.as_deref() == Some(media_type), says_type, "{document}");
    }
}

#[test]
fn a_media_type_that_does_not_fit_is_refused() {
    refused(&image(OCI_MANIFEST), Some(DOCKER_MANIFEST), "they must agree");
    refused(&image(OCI_MANIFEST), Some("text/plain"), "they must agree");
    refused(&json!({"hello": "world"}), None, "no mediaType");
    refused(&json!({}), Some("application/json"), "no mediaType");
    for anything in
        ["application/x-www-form-urlencoded", "application/octet-stream", "text/plain", "multipart/x"]
    {
        refused(&json!({"hello": "world"}), Some(anything), OCI_MANIFEST);
    }
    refused(&json!({}), Some("text plain"), "Content-Type must be");
    refused(&json!({}), Some("a/b\u{e9}"), "Content-Type must be");
    for bad in [json!(7), json!(["a/b"]), json!("a"), json!("a/b\r\nX: y"), json!("a/b;c=d"), json!("a/é")] {
        refused(&with(image(OCI_MANIFEST), "/mediaType", bad), None, "mediaType must be");
    }
    refused(
        &with(json!({}), "/mediaType", json!(format!("a/{}", "b".repeat(128)))),
        None,
        "mediaType must be",
    );
}

#[test]
fn an_image_must_not_be_an_index_too() {
    let both = with(image(OCI_MANIFEST), "/manifests", json!([]));
    refused(&both, None, "an image has no `manifests`");
    refused(&with(both.clone(), "/mediaType", json!(OCI_INDEX)), None, "an index has no `config`");
    refused(&without(both, "mediaType"), Some(OCI_MANIFEST), "an image has no `manifests`");
    refused(&without(index(OCI_INDEX), "mediaType"), Some(OCI_MANIFEST), "an image has no `manifests`");
    refused(&without(image(OCI_MANIFEST), "mediaType"), Some(OCI_INDEX), "an index has no `config`");
    for field in ["/config", "/layers"] {
        refused(&with(index(OCI_INDEX), field, json!([])), None, "an index has no `config`");
    }
}

#[test]
fn schema_1_is_refused_with_advice() {
    let signed = json!({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "signatures": []});
    for header in
        [None, Some("application/json"), Some(SCHEMA_1[0]), Some(SCHEMA_1[1]), Some(DOCKER_MANIFEST)]
    {
        refused(&signed, header, "skopeo copy --format v2s2");
    }
    for bad in [json!(3), json!("2"), json!(2.0), json!(-2), Value::Null] {
        refused(&with(image(DOCKER_MANIFEST), "/schemaVersion", bad), None, "schemaVersion must be 2");
    }
    refused(&without(index(OCI_INDEX), "schemaVersion"), None, "schemaVersion must be 2");
}

#[test]
fn a_field_that_is_wrong_is_named_with_its_path() {
    let image = || image(OCI_MANIFEST);
    for (document, because) in [
        (without(image(), "config"), "config is missing"),
        (with(image(), "/config", Value::Null), "config is missing"),
        (with(image(), "/config", json!([])), "config must be a descriptor"),
        (with(image(), "/config", json!({})), "config.digest: is missing"),
        (without(image(), "layers"), "layers is missing"),
        (with(image(), "/layers", json!({})), "layers must be an array"),
        (with(image(), "/layers/1", json!(null)), "layers[1]: must be a descriptor"),
        (with(image(), "/layers/1", json!([])), "layers[1]: must be a descriptor"),
        (with(image(), "/layers/1/digest", json!("sha256:ab")), "layers[1].digest: a sha256 digest has 64"),
        (with(image(), "/layers/1/digest", json!("../../etc")), "layers[1].digest: a digest is"),
        (
            with(image(), "/layers/1/digest", json!(B.to_uppercase())),
            "layers[1].digest: the digest algorithm",
        ),
        (with(image(), "/layers/1/digest", json!(1)), "layers[1].digest: must be a string"),
        (with(image(), "/layers/0/mediaType", json!(1)), "layers[0].mediaType: must be a string"),
        (with(image(), "/layers/1/size", json!(-1)), "layers[1].size: must be a whole number"),
        (with(image(), "/layers/1/size", json!(1.5)), "layers[1].size: must be a whole number"),
        (with(image(), "/layers/1/size", json!("7")), "layers[1].size: must be a whole number"),
        (with(image(), "/layers/1/size", json!(1u64 << 63)), "layers[1].size: must be a whole number"),
        (with(image(), "/layers/1", json!({"digest": B})), "layers[1].size: is missing"),
        (with(image(), "/layers/1", json!({"digest": B, "size": 1, "urls": "x"})), "layers[1].urls: must be"),
        (without(index(OCI_INDEX), "manifests"), "manifests is missing"),
        (with(index(OCI_INDEX), "/manifests/0/size", json!({})), "manifests[0].size"),
    ] {
        refused(&document, None, because);
    }
    let largest = with(image(), "/layers/1/size", json!(i64::MAX));
    assert_eq!(parse(&largest, None).unwrap().blobs[2].size, i64::MAX as u64);
}

#[test]
fn an_unknown_type_needs_the_descriptors_in_the_usual_fields() {
    let artifact = json!({
        "mediaType": "application/vnd.oci.artifact.manifest.v1+json",
        "artifactType": UNKNOWN,
        "blobs": [descriptor("text/plain", A), "no descriptor", descriptor(FOREIGN, B)],
        "layers": {"no": "list"},
        "config": "none",
        "manifests": [descriptor(OCI_MANIFEST, C)],
        "subject": descriptor(OCI_MANIFEST, B),
    });
    let manifest = parse(&artifact, None).unwrap();
    assert_eq!(digests(&manifest.blobs), [A]);
    assert_eq!(digests(&manifest.manifests), [C]);
    assert_eq!(manifest.subject.unwrap().digest.as_str(), B);
    let unlike = json!({"schemaVersion": "x", "config": [1], "layers": 1, "blobs": null, "subject": 1});
    let manifest = parse(&unlike, Some(UNKNOWN)).unwrap();
    assert_eq!((manifest.blobs.len(), manifest.manifests.len(), manifest.subject), (0, 0, None));
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{}{}",
        "{} x",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":01}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\n\"}",
        "\u{feff}{}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "<html>",
    ] {
        refused_text(text.as_bytes(), "must be one JSON object");
        assert_eq!(media_type_of(text.as_bytes()), None, "{text}");
    }
    refused_text(b"{\"a\":\"\xff\"}", "must be JSON in UTF-8");
    refused_text("{}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice(), "JSON");
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_level() {
    for text in [
        r#"{"x":1,"x":1}"#,
        r#"{"x":1,"\u0078":2}"#,
        r#"{"x":1,"a":2,"b":3,"x":4}"#,
        r#"{"annotations":{"x":"1","x":"2"}}"#,
        r#"{"a":[[{"b":{"x":1,"y":{"x":1},"x":2}}]]}"#,
        r#"{"layers":[{"digest":"","x":1,"x":2}]}"#,
        r#"{"config":{"x":1,"x":2},"x":1}"#,
    ] {
        refused_text(text.as_bytes(), r#"the key "x" stands twice"#);
    }
    let text = format!(r#"{{"mediaType":"{UNKNOWN}","x":{{"x":{{"x":[{{"x":1}},{{"x":1}}]}}}}}}"#);
    assert!(Manifest::parse(text.as_bytes(), None).is_ok());
    let long = "k".repeat(100_000);
    let error = Manifest::parse(format!(r#"{{"{long}":1,"{long}":2}}"#).as_bytes(), None).unwrap_err();
    assert!(error.message.len() < 300, "the message stays short");
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| {
        format!(r#"{{"mediaType":"{UNKNOWN}","a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    assert!(Manifest::parse(nested(100).as_bytes(), None).is_ok());
    for depth in [128, 100_000] {
        refused_text(nested(depth).as_bytes(), "recursion limit");
    }
    refused_text("[".repeat(MANIFEST_LIMIT).as_bytes(), "must be one JSON object");
    refused_text(r#"{"a":"#.repeat(MANIFEST_LIMIT / 5).as_bytes(), "recursion limit");
    let deep = format!(r#"{{"a":{}{},"manifests":[]}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(media_type_of(deep.as_bytes()).as_deref(), Some(OCI_INDEX));
}

#[test]
fn a_manifest_beyond_the_limit_is_413() {
    let padded = |length| {
        let text = format!(r#"{{"mediaType":"{UNKNOWN}"}}"#);
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    assert!(Manifest::parse(padded(MANIFEST_LIMIT).as_bytes(), None).is_ok());
    let error = Manifest::parse(padded(MANIFEST_LIMIT + 1).as_bytes(), None).unwrap_err();
    assert_eq!((error.status, error.code), (413, Code::ManifestInvalid));
}

#[test]
fn the_largest_manifests_are_read_in_good_time() {
    let layer = descriptor("a/b", B).to_string();
    let layers = [&*layer].repeat((MANIFEST_LIMIT - 1000) / (layer.len() + 1)).join(",");
    let config = descriptor("a/b", A);
    let many = format!(
        r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}],"mediaType":"{OCI_MANIFEST}"}}"#
    );
    let keys: Vec<String> = (0..300_000).map(|i| format!(r#""{i:x}":{{}}"#)).collect();
    let keys = format!(r#"{{{},"mediaType":"{UNKNOWN}"}}"#, keys.join(","));
    let numbers = format!(r#"{{"layers":[{}0],"mediaType":"{UNKNOWN}"}}"#, "0,".repeat(2_000_000));
    let started = std::time::Instant::now();
    assert!(Manifest::parse(many.as_bytes(), None).unwrap().blobs.len() > 30_000);
    assert!(Manifest::parse(keys.as_bytes(), None).is_ok());
    assert!(Manifest::parse(numbers.as_bytes(), None).is_ok());
    assert_eq!(media_type_of(many.as_bytes()).as_deref(), Some(OCI_MANIFEST));
    // Quadratic time would take minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn cut_or_changed_bytes_never_panic() {
    let text = with(image(OCI_MANIFEST), "/annotations", json!({"é": "\u{1f600}\\\""})).to_string();
    for at in 0..text.len() {
        assert!(Manifest::parse(&text.as_bytes()[..at], None).is_err(), "cut at {at}");
        media_type_of(&text.as_bytes()[..at]);
        for byte in *b"\"\\{}[],:0\x00\xff" {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = byte;
            if let Ok(manifest) = Manifest::parse(&bytes, None) {
                let found = media_type_of(&bytes);
                assert!(manifest.says_type && found.as_deref() == Some(&*manifest.media_type));
            }
        }
    }
}

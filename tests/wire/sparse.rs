//! Which parts of a manifest have to be there when it is pushed: `validation.manifests`.
use serde_json::json;
use tests::{
    Host, Image, OCI_INDEX, OCI_MANIFEST, Request, Server, assert_error, descriptor, index, push_manifest,
};

/// An index of three images, of which those of `there` were pushed.
fn push_index(server: &Server, there: &[usize]) -> tests::Response {
    let images: Vec<Image> = (1..=3).map(Image::oci).collect();
    for at in there {
        let image = &images[*at];
        image.push(server, "app", image.digest().as_str());
    }
    let index = index(OCI_INDEX, &images.iter().collect::<Vec<_>>());
    server.request(
        &Request::new("PUT", "/v2/app/manifests/latest").header("Content-Type", OCI_INDEX).body(index),
    )
}

#[test]
fn every_image_of_an_index_has_to_be_there_unless_the_configuration_says_otherwise() {
    let all = Server::start();
    let refused = push_index(&all, &[0, 1]);
    assert_error(&refused, 400, "MANIFEST_BLOB_UNKNOWN");
    assert!(refused.to_string().contains(Image::oci(3).digest().as_str()), "{refused}");
    push_index(&all, &[2]).expect(201);

    let name = "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS";
    let none = Server::with(|setup| setup.env(name, "none"));
    push_index(&none, &[]).expect(201);
    none.get("/v2/app/manifests/latest").expect(200);
    assert_error(
        &none.get(&format!("/v2/app/manifests/{}", Image::oci(1).digest())),
        404,
        "MANIFEST_UNKNOWN",
    );
}

#[test]
fn the_images_of_listed_platforms_have_to_be_there_and_no_other() {
    let platforms = match Host::chosen().is_ours() {
        true => "[{os: linux, architecture: arm64}, {os: linux, architecture: riscv64}]",
        false => "linux/arm64 linux/riscv64",
    };
    let name = "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORM";
    let server =
        Server::with(|setup| setup.env(&format!("{name}S"), "list").env(&format!("{name}LIST"), platforms));
    assert_error(&push_index(&server, &[0]), 400, "MANIFEST_BLOB_UNKNOWN");
    push_index(&server, &[1]).expect(201);
}

#[test]
fn the_blobs_of_a_manifest_need_not_be_there_where_the_configuration_says_so() {
    let image = Image::oci(1);
    let strict = Server::start();
    let request = || {
        Request::new("PUT", "/v2/app/manifests/latest")
            .header("Content-Type", OCI_MANIFEST)
            .body(image.manifest.clone())
    };
    assert_error(&strict.request(&request()), 400, "MANIFEST_BLOB_UNKNOWN");
    let lenient = Server::with(|setup| setup.env("REGISTRY_VALIDATION_MANIFESTS_BLOBS_REQUIRED", "false"));
    lenient.request(&request()).expect(201);
    assert_error(
        &lenient.get(&format!("/v2/app/blobs/{}", tests::sha256(&image.config))),
        404,
        "BLOB_UNKNOWN",
    );
}

#[test]
fn an_index_may_lie_in_an_index() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "app", "image");
    let inner = index(OCI_INDEX, &[&image]);
    let outer = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [descriptor(OCI_INDEX, &inner), descriptor(OCI_MANIFEST, &image.manifest)],
    });
    let outer = outer.to_string().into_bytes();
    let put =
        Request::new("PUT", "/v2/app/manifests/outer").header("Content-Type", OCI_INDEX).body(outer.clone());
    assert_error(&server.request(&put), 400, "MANIFEST_BLOB_UNKNOWN");
    push_manifest(&server, "app", tests::sha256(&inner).as_str(), OCI_INDEX, &inner);
    server.request(&put).expect(201);
    assert_eq!(server.get("/v2/app/manifests/outer").expect(200).body, outer);
}

use crate::edge::Bucket;
use tests::{Image, Request, Response, Server, noise, push_blob, sha256};

fn server(bucket: &Bucket) -> Server {
    Server::with(|setup| setup.root(bucket.root()).delete_enabled())
}

fn tags(response: Response) -> Vec<String> {
    let tags = response.expect(200).json()["tags"].clone();
    tags.as_array().expect("tags").iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}

#[test]
fn a_server_and_an_edge_serve_one_tree_at_the_same_time() {
    let bucket = Bucket::new();
    let (server, edge) = (server(&bucket), bucket.edge());
    std::thread::scope(|scope| {
        scope.spawn(|| (0..8).for_each(|n| drop(Image::oci(n).push(&server, "team/app", &format!("v{n}")))));
        scope.spawn(|| (8..16).for_each(|n| edge.push(&Image::oci(n), "team/app", &format!("v{n}-edge"))));
    });
    for n in 0..16 {
        let image = Image::oci(n);
        let target = format!("/v2/team/app/manifests/v{n}{}", if n < 8 { "" } else { "-edge" });
        assert_eq!(server.get(&target).expect(200).body, image.manifest, "{n}");
        assert_eq!(edge.get(&target).expect(200).body, image.manifest, "{n}");
        for layer in &image.layers {
            let target = format!("/v2/team/app/blobs/{}", sha256(layer));
            assert_eq!(server.get(&target).expect(200).body, *layer);
            assert_eq!(edge.get(&target).expect(200).body, *layer);
        }
    }
    for target in ["/v2/team/app/tags/list", "/v2/_catalog"] {
        assert_eq!(server.get(target).expect(200).json(), edge.get(target).expect(200).json());
    }
    let gone = "/v2/team/app/manifests/v3";
    edge.ask(&Request::delete(gone)).expect(202);
    server.get(gone).expect(404);
    let gone = "/v2/team/app/manifests/v9-edge";
    server.delete(gone).expect(202);
    edge.get(gone).expect(404);
}

#[test]
fn tags_come_in_order_page_by_page_whatever_keys_sort_like() {
    let bucket = Bucket::new();
    let (server, edge) = (server(&bucket), bucket.edge());
    let image = Image::oci(1);
    for tag in ["v1", "v1-alpha", "v1.0", "v1.0-rc.1", "v1.0.1", "v10", "v2", "a", "a-", "a.b", "A"] {
        image.push(&server, "app", tag);
    }
    let all = tags(server.get("/v2/app/tags/list"));
    for n in 1..=all.len() {
        let (mut found, mut last) = (Vec::new(), String::new());
        while found.len() < all.len() {
            let page = tags(edge.get(&format!("/v2/app/tags/list?n={n}&last={last}")));
            last = page.last().expect("another page").clone();
            found.extend(page);
        }
        assert_eq!(found, all, "by {n}");
    }
}

#[test]
fn foreign_keys_are_passed_over() {
    let bucket = Bucket::new();
    let (server, edge) = (server(&bucket), bucket.edge());
    edge.push(&Image::oci(1), "app", "v1");
    let tree = bucket.root().join("docker/registry/v2");
    let repositories = tree.join("repositories");
    for folder in ["app/_manifests/tags/not a tag", "empty", "UPPER/_layers", "app/_more"] {
        std::fs::create_dir_all(repositories.join(folder)).expect("a folder");
    }
    for file in ["app/_manifests/tags/file", "app/_manifests/tags/<&>", "note", "app/_manifests/tags/v1/note"]
    {
        std::fs::write(repositories.join(file), "not ours").expect("a file");
    }
    std::fs::write(bucket.root().join("index.html"), "not ours").expect("a file");
    assert_eq!(tags(edge.get("/v2/app/tags/list")), ["v1"]);
    assert_eq!(edge.get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["app"]));
    edge.get("/v2/app/manifests/v1").expect(200);
    edge.get("/v2/app/manifests/file").expect(404);
    // What the server says of the same tree is the measure of it.
    for target in ["/v2/app/tags/list", "/v2/_catalog"] {
        assert_eq!(server.get(target).expect(200).json(), edge.get(target).expect(200).json());
    }
}

#[test]
fn what_a_part_of_a_blob_is_asked_for_is_that_part() {
    let bucket = Bucket::new();
    let (server, edge) = (server(&bucket), bucket.edge());
    let bytes = noise(7, 300_000);
    let target = format!("/v2/app/blobs/{}", push_blob(&server, "app", &bytes));
    let part = edge.ask(&Request::get(&target).header("Range", "bytes=100000-199999")).expect(206);
    assert_eq!(part.body, bytes[100_000..200_000]);
    assert_eq!(
        edge.ask(&Request::get(&target).header("Range", "bytes=-1")).expect(206).body,
        bytes[299_999..]
    );
    edge.ask(&Request::get(&target).header("Range", "bytes=300000-")).expect(416);
}

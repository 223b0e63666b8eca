//! helm: charts as OCI artifacts.
use crate::support::{Folder, client, reference, run_with};
use std::fs;
use tests::{Server, sha256};

struct Helm {
    server: Server,
    folder: Folder,
}

impl Helm {
    fn new() -> Helm {
        Helm { server: Server::start(), folder: Folder::new() }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = client("helm", self.folder.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HELM_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path());
        run_with(command, arguments)
    }

    /// `oci://127.0.0.1:port/name`.
    fn oci(&self, name: &str) -> String {
        format!("oci://{}", reference(&self.server, name))
    }

    /// Pushes a chart called `app` into `charts`, and returns the bytes of its package.
    #[track_caller]
    fn push(&self, version: &str) -> Vec<u8> {
        let chart = self.folder.join("app");
        fs::create_dir_all(chart.join("templates")).expect("a folder can be made");
        let about = format!("apiVersion: v2\nname: app\nversion: {version}\ndescription: An example\n");
        fs::write(chart.join("Chart.yaml"), about).expect("a file can be written");
        fs::write(chart.join("values.yaml"), "colour: blue\n").expect("a file can be written");
        let template =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {colour: {{ .Values.colour }}}\n";
        fs::write(chart.join("templates/map.yaml"), template).expect("a file can be written");
        self.run(&["package", "app"]);
        let package = format!("app-{version}.tgz");
        self.run(&["push", "--plain-http", &package, &self.oci("charts")]);
        let bytes = fs::read(self.folder.join(&package)).expect("a package can be read");
        fs::remove_file(self.folder.join(&package)).expect("a package can be removed");
        bytes
    }
}

#[test]
fn helm_pulls_the_chart_that_it_pushed_by_version_and_by_digest() {
    let helm = Helm::new();
    let package = helm.push("1.2.3");
    let digest =
        helm.server.head("/v2/charts/app/manifests/1.2.3").required("Docker-Content-Digest").to_owned();
    let chart = helm.oci("charts/app");
    for (number, arguments) in
        [[&*chart, "--version=1.2.3"], [&format!("{chart}@{digest}"), "--plain-http"]].iter().enumerate()
    {
        let target = format!("pulled-{number}");
        fs::create_dir(helm.folder.join(&target)).expect("a folder can be made");
        helm.run(&["pull", "--plain-http", "--destination", &target, arguments[0], arguments[1]]);
        let pulled: Vec<_> = fs::read_dir(helm.folder.join(&target)).expect("a folder can be read").collect();
        let [Ok(file)] = &pulled[..] else { panic!("not one file: {pulled:?}") };
        assert_eq!(fs::read(file.path()).expect("a file can be read"), package);
    }
    helm.server.get(&format!("/v2/charts/app/blobs/{}", sha256(&package))).expect(200);
}

#[test]
fn helm_finds_the_version_that_a_range_asks_for_among_the_tags() {
    let helm = Helm::new();
    for version in ["1.2.3", "1.3.0", "2.0.0+build.5"] {
        helm.push(version);
    }
    let chart = helm.oci("charts/app");
    for (range, found) in [("~1.2", "1.2.3"), ("^1.0.0", "1.3.0"), (">1", "2.0.0+build.5")] {
        let about = helm.run(&["show", "chart", "--plain-http", "--version", range, &chart]);
        assert!(about.contains(&format!("version: {found}")), "{range}: {about}");
    }
    let values = helm.run(&["show", "values", "--plain-http", &chart]);
    assert!(values.contains("colour: blue"), "{values}");
}

#[test]
fn helm_renders_a_chart_whose_dependency_is_in_the_registry() {
    let helm = Helm::new();
    helm.push("1.2.3");
    let parent = helm.folder.join("parent");
    fs::create_dir_all(&parent).expect("a folder can be made");
    let about = format!(
        "apiVersion: v2\nname: parent\nversion: 0.1.0\n\
         dependencies:\n- {{name: app, version: ^1.0.0, repository: '{}'}}\n",
        helm.oci("charts")
    );
    fs::write(parent.join("Chart.yaml"), about).expect("a file can be written");
    helm.run(&["dependency", "update", "--plain-http", "parent"]);
    let rendered = helm.run(&["template", "release", "parent"]);
    assert!(rendered.contains("colour: blue"), "{rendered}");
}

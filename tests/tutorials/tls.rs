//! A registry with a certificate that signed itself, and its API by curl.
use crate::tutorial::Tutorial;

/// The document supposes one.
const COMPOSE: &str = "services:
  registry:
    image: registry:2
    restart: always
    ports: ['443:443']
    environment:
      REGISTRY_HTTP_ADDR: 0.0.0.0:443
      REGISTRY_HTTP_TLS_CERTIFICATE: /certs/registry.crt
      REGISTRY_HTTP_TLS_KEY: /certs/registry.key
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: formation
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      REGISTRY_STORAGE_DELETE_ENABLED: 'true'
    volumes: ['./certs:/certs', '.:/auth']
";

const DAEMON: &str = r#"{
   "insecure-registries": ["formation.lan:443"]
}
"#;

#[test]
fn docker_and_curl_use_a_registry_whose_certificate_signed_itself() {
    let test = "docker_and_curl_use_a_registry_whose_certificate_signed_itself";
    let Some(mut t) = Tutorial::begin("tls", test, &["/vagrant"], "formation.lan") else { return };
    t.docker.build("app", 1);
    t.beside("mkdir -p /vagrant/registry/certs");
    t.run("cd /vagrant/registry");
    t.beside(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=formation.lan \
         -addext subjectAltName=DNS:formation.lan -keyout certs/registry.key -out certs/registry.crt",
    );
    t.run("htpasswd -Bbn testuser password > htpasswd");
    t.write("/vagrant/registry/compose.yaml", COMPOSE);
    t.beside("docker compose up -d");
    t.wait_for("https://formation.lan:443");

    // First by docker's exception for the registry.
    let login = "docker login https://formation.lan:443 --username testuser --password password";
    let said = t.refused(login);
    assert!(said.contains("x509"), "{said}");
    t.file("/etc/docker/daemon.json", DAEMON);
    t.listed("sudo systemctl daemon-reload");
    t.listed("sudo systemctl restart docker");
    t.wait_for("https://formation.lan:443");
    assert!(t.run(login).contains("Login Succeeded"));
    let reference = ("<new_reference>", "formation.lan:443/name/space/app:1");
    t.filled("docker tag <image> <new_reference>", &[("<image>", "app"), reference]);
    t.filled("docker push <new_reference>", &[reference]);

    // Then by the certificate.
    t.write("/etc/docker/daemon.json", "{}");
    t.docker.restart();
    t.wait_for("https://formation.lan:443");
    let said = t.refused("docker pull formation.lan:443/name/space/app:1");
    assert!(said.contains("x509"), "{said}");
    t.run("sudo mkdir -p /etc/docker/certs.d/formation.lan:443");
    t.run("sudo cp  certs/registry.crt /etc/docker/certs.d/formation.lan:443/ca.crt");
    t.beside("docker image rm formation.lan:443/name/space/app:1 app");
    t.run("docker pull formation.lan:443/name/space/app:1");
    t.beside(
        "mkdir context && echo one >context/one && printf 'FROM scratch\\nCOPY one /\\n' >context/Dockerfile",
    );
    t.beside("cd context");
    t.filled(
        "docker build -t <nom_de_domaine:port>/name/space/<basename>:<tag> --push .",
        &[("<nom_de_domaine:port>", "formation.lan:443"), ("<basename>", "built"), ("<tag>", "1")],
    );
    platforms(&mut t);
    api(&mut t);
    t.end(19);
}

/// Pushes an image for two platforms.
fn platforms(t: &mut Tutorial) {
    for architecture in ["amd64", "arm64"] {
        let name = format!("formation.lan:443/multiplat:{architecture}");
        t.beside(&format!("docker build --platform linux/{architecture} -t {name} --push ."));
    }
    t.beside("cd ..");
    t.beside(
        "SSL_CERT_FILE=certs/registry.crt docker buildx imagetools create -t formation.lan:443/multiplat:latest \
         formation.lan:443/multiplat:amd64 formation.lan:443/multiplat:arm64",
    );
}

fn api(t: &mut Tutorial) {
    let said = t.run(
        r#"curl -kX GET \
     -u "testuser:password" \
     https://formation.lan:443/v2/_catalog"#,
    );
    assert_eq!(said, r#"{"repositories":["multiplat","name/space/app","name/space/built"]}"#);
    let tags = r#"curl -kX GET \
     -u "testuser:password" \
     https://formation.lan:443/v2/multiplat/tags/list"#;
    assert_eq!(t.run(tags), r#"{"name":"multiplat","tags":["amd64","arm64","latest"]}"#);
    let said = t.run(
        r#"curl -kX GET \
     -u "testuser:password" \
     https://formation.lan:443/v2/multiplat/manifests/latest"#,
    );
    assert!(said.contains("arm64") && said.contains("manifests"), "{said}");

    // Without HTTP/2 the header has the case that the first of these looks for.
    let digest = r#"curl -skIX GET \
     -u "testuser:password" \
     -H "Accept: application/vnd.docker.distribution.manifest.v2+json" \
     https://formation.lan:443/v2/multiplat/manifests/latest | awk '/^Docker-Content-Digest/ {print $2}'"#;
    assert_eq!(t.run(digest), "");
    let in_title_case = t.beside(&digest.replace("curl", "curl --http1.1"));
    let digest = t.run(
        r#"curl -skIX GET \
     -u "testuser:password" \
     -H "Accept: application/vnd.oci.image.manifest.v1+json" \
     -H "Accept: application/vnd.oci.image.index.v1+json" \
     https://formation.lan:443/v2/multiplat/manifests/latest | awk '/^docker-content-digest/ {print $2}'"#,
    );
    assert!(digest.starts_with("sha256:"), "{digest}");
    assert_eq!(in_title_case, digest);

    t.filled(
        r#"curl -kX DELETE \
     -u "testuser:password" \
     https://formation.lan:443/v2/multiplat/manifests/<v2_digest>"#,
        &[("<v2_digest>", &digest)],
    );
    assert_eq!(t.beside(tags), r#"{"name":"multiplat","tags":["amd64","arm64"]}"#);
    let said =
        t.run("docker compose exec registry bin/registry garbage-collect /etc/docker/registry/config.yml");
    assert!(said.contains("eligible for deletion"), "{said}");
}

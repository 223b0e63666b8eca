//! A registry by docker compose, with a password, a certificate and a volume; deleting, by its API and by hand.
use crate::tutorial::Tutorial;

/// The document supposes one.
const COMPOSE: &str = "services:
  my-private-registry:
    image: registry:2
    container_name: my-private-registry
    ports: ['5443:5000']
    env_file: .env
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry
      REGISTRY_AUTH_HTPASSWD_PATH: /basic-auth/registry.password
      REGISTRY_STORAGE_DELETE_ENABLED: 'true'
    volumes:
      - my-private-registry:/var/lib/registry
      - ./certs:/certs:ro
      - ./basic-auth:/basic-auth:ro
volumes:
  my-private-registry:
";

const ENVIRONMENT: &str = "REGISTRY_HTTP_TLS_CERTIFICATE=/certs/docker-registry.crt
REGISTRY_HTTP_TLS_KEY=/certs/docker-registry.key
";

/// What greets, by busybox.
const GREETER: &str = r#"FROM registry:2
COPY John /www/api/greet/John
ENTRYPOINT ["busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"#;

const EMPTY: &str = r#"{"repositories":[]}"#;

#[test]
fn compose_runs_a_registry_with_a_password_and_a_volume() {
    let test = "compose_runs_a_registry_with_a_password_and_a_volume";
    let hosts = "docker.example.internal";
    let Some(mut t) = Tutorial::begin("compose", test, &["/var/docker"], hosts) else { return };
    prepare(&mut t);
    manage(&mut t);

    t.run(r#"REGISTRY_FQDN_AND_PORT="docker.example.internal:5443""#);
    t.run(r#"REPO="greet-python""#);
    t.run(r#"TAG="0.1""#);
    t.wait_for("https://docker.example.internal:5443");
    use_it(&mut t);
    greet(&mut t);
    delete(&mut t);
    t.beside("docker compose down");
    t.listed("docker volume rm $(docker volume ls --filter Name=my-private-registry --format '{{.Name}}')");
    assert_eq!(t.beside("docker volume ls --quiet --filter name=my-private-registry"), "");
    t.end(38);
}

fn prepare(t: &mut Tutorial) {
    t.run("apt-cache search htpasswd");
    t.run("apt info apache2-utils");
    t.listed("sudo apt-get install -y apache2-utils pwgen");
    t.run("sudo lsof -nP -iTCP -sTCP:LISTEN");
    t.run("sudo install -d -m 755 /var/docker/private-registry");
    t.beside("cd /var/docker/private-registry && mkdir certs");
    t.file("/var/docker/private-registry/.env", ENVIRONMENT);
    t.run("mkdir -p basic-auth/");
    t.run("rm -f ./basic-auth/registry.password");
    t.run(r"pwgen 12 1 | tr -d '\n' > .pass-alice");
    t.run("cat .pass-alice | htpasswd -B -i -c basic-auth/registry.password alice");
    t.beside(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=docker.example.internal \
         -addext subjectAltName=DNS:docker.example.internal \
         -keyout certs/docker-registry.key -out certs/docker-registry.crt",
    );
    // Those who follow the document trust the certificate as they trust all others: most of its commands say nothing of
    // it.
    t.beside("cat /etc/ssl/certs/ca-certificates.crt certs/docker-registry.crt >trusted");
    t.beside("mount --bind trusted /etc/ssl/certs/ca-certificates.crt");
    t.docker.restart();
    t.write("/var/docker/private-registry/compose.yaml", COMPOSE);
    t.beside("mkdir greet && echo 'Hello, John!' >greet/John");
    t.write("/var/docker/private-registry/greet/Dockerfile", GREETER);
    t.beside("docker build --quiet -t greet-python:0.1 greet");
}

fn manage(t: &mut Tutorial) {
    t.run("docker compose up -d");
    t.run("docker compose down");
    t.beside("docker compose up -d");
    t.wait_for("https://docker.example.internal:5443");
    let said = t.run("docker logs my-private-registry");
    assert!(said.contains(r#""GET / HTTP/2.0" 200"#), "{said}");
    t.listed("docker volume ls --filter Name=my-private-registry");
    t.typed("docker exec -it my-private-registry /bin/sh", &[("/ #", "exit")]);
}

fn use_it(t: &mut Tutorial) {
    let catalog = "curl -u alice:$(cat .pass-alice) https://${REGISTRY_FQDN_AND_PORT}/v2/_catalog";
    assert_eq!(t.run(catalog), EMPTY);
    let said = t.run(
        "cat .pass-alice | docker login --username alice --password-stdin https://${REGISTRY_FQDN_AND_PORT}",
    );
    assert!(said.contains("Login Succeeded"), "{said}");
    t.run("(set -x; docker image tag ${REPO}:${TAG} ${REGISTRY_FQDN_AND_PORT}/${REPO}:${TAG})");
    t.run("(set -x; docker push ${REGISTRY_FQDN_AND_PORT}/${REPO}:${TAG})");
    let catalog = "curl --cacert certs/docker-registry.crt -u alice:$(cat .pass-alice) https://${REGISTRY_FQDN_AND_PORT}/v2/_catalog";
    assert_eq!(t.run(catalog), r#"{"repositories":["greet-python"]}"#);
    // It names no scheme, and curl takes plain HTTP for granted.
    let manifest = "(set -x; curl -i -X GET --cacert certs/docker-registry.crt -u alice:$(cat .pass-alice) ${REGISTRY_FQDN_AND_PORT}/v2/${REPO}/manifests/${TAG})";
    let said = t.run(manifest);
    assert!(said.starts_with("HTTP/1.0 400 Bad Request"), "{said}");
    assert!(said.ends_with("Client sent an HTTP request to an HTTPS server."), "{said}");
    let said = t.beside(&manifest.replace("${REGISTRY_FQDN", "https://${REGISTRY_FQDN"));
    assert!(said.starts_with("HTTP/2 200") && said.contains("schemaVersion"), "{said}");
}

fn greet(t: &mut Tutorial) {
    t.listed(
        r#"(set -x; docker run --name "${REPO}-${RANDOM}" --rm "${REGISTRY_FQDN_AND_PORT}/${REPO}:${TAG}")"#,
    );
    t.beside("until [ -n \"$(docker ps --quiet --filter name=greet-python)\" ]; do sleep 0.1; done");
    t.listed(
        r"CONTAINER_ID=$(docker ps --filter Name=greet-python --format='{{.ID}}\t{{.Image}}\t{{.Names}}' | awk '{print $1}')",
    );
    t.run("CONTAINER_IP=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${CONTAINER_ID})");
    t.beside("until curl --silent --output /dev/null http://${CONTAINER_IP}:8080; do sleep 0.1; done");
    let said = t.run("(set -x; curl http://${CONTAINER_IP}:8080/api/greet/John)");
    assert_eq!(said, "Hello, John!");
    t.beside("docker rm --force ${CONTAINER_ID}");
    let said = t.run("docker rmi ${REGISTRY_FQDN_AND_PORT}/${REPO}:${TAG}");
    assert!(said.contains("Untagged: docker.example.internal:5443/greet-python@sha256:"), "{said}");
}

fn delete(t: &mut Tutorial) {
    let tags = "curl -X GET --cacert certs/docker-registry.crt -u alice:$(cat .pass-alice) https://${REGISTRY_FQDN_AND_PORT}/v2/${REPO}/tags/list";
    assert_eq!(t.run(tags), r#"{"name":"greet-python","tags":["0.1"]}"#);
    let show = r#"DIGEST=$(curl \
-H "Accept: application/vnd.docker.distribution.manifest.v2+json" \
-H "Accept: application/vnd.docker.distribution.manifest.list.v2+json" \
-I -s "https://${REGISTRY_FQDN_AND_PORT}/v2/${REPO}/manifests/${TAG}" | \
sed -e '/docker-content-digest/!d; s/docker-content-digest: //; s/\r//')"#;
    let delete = r#"curl -X DELETE \
-H "Accept: application/vnd.docker.distribution.manifest.v2+json" \
-H "Accept: application/vnd.docker.distribution.manifest.list.v2+json" \
--head \
--cacert certs/docker-registry.crt \
"https://${REGISTRY_FQDN_AND_PORT}/v2/${REPO}/manifests/${DIGEST}""#;
    let delete_tag = r#"(set -x; curl -X DELETE \
-H "Accept: application/vnd.docker.distribution.manifest.v2+json" \
-H "Accept: application/vnd.docker.distribution.manifest.list.v2+json" \
--head \
--cacert certs/docker-registry.crt \
"https://${REGISTRY_FQDN_AND_PORT}/v2/${REPO}/manifests/${TAG}")"#;

    // None of these says who asks, and so there is no digest to ask for either.
    let status = |said: String| said.lines().next().unwrap_or_default().trim().to_owned();
    t.run(show);
    assert_eq!(t.beside("echo ${DIGEST}"), "");
    assert_eq!(status(t.run(delete)), "HTTP/2 400");
    t.run(r#"TAG="1.0""#);
    assert_eq!(status(t.run(delete_tag)), "HTTP/2 401");

    // With it said in the file that curl reads, they do what they are for.
    t.beside("echo user = alice:$(cat .pass-alice) >~/.curlrc");
    assert_eq!(status(t.beside(delete_tag)), "HTTP/2 404");
    for tag in ["0.1", "1.0"] {
        t.beside(&format!("docker tag ${{REPO}}:0.1 ${{REGISTRY_FQDN_AND_PORT}}/${{REPO}}:{tag}"));
        t.beside(&format!("docker push ${{REGISTRY_FQDN_AND_PORT}}/${{REPO}}:{tag}"));
    }
    assert_eq!(status(t.beside(delete_tag)), "HTTP/2 202");
    assert_eq!(t.beside(tags), r#"{"name":"greet-python","tags":["0.1"]}"#);
    t.beside("TAG=0.1");
    t.beside(show);
    assert!(t.beside("echo ${DIGEST}").starts_with("sha256:"));
    assert_eq!(status(t.beside(delete)), "HTTP/2 202");
    assert!(t.beside(tags).contains("NAME_UNKNOWN"));

    let look = r#"docker exec -it "my-private-registry" /bin/sh -c "find /var/lib/registry/docker/registry/v2/repositories/ -maxdepth 2""#;
    let said = t.run(look);
    for folder in ["_uploads", "_manifests", "_layers"] {
        assert!(said.contains(&format!("/repositories/greet-python/{folder}")), "{said}");
    }
    t.run(
        r#"docker exec -it my-private-registry /bin/sh -c "rm -rf /var/lib/registry/docker/registry/v2/repositories/${REPO}/""#,
    );
    assert!(!t.beside(look).contains("greet-python"));
    let catalog = "curl --cacert certs/docker-registry.crt -u alice:$(cat .pass-alice) https://${REGISTRY_FQDN_AND_PORT}/v2/_catalog";
    assert_eq!(t.run(catalog), EMPTY);
}

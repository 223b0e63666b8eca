//! A registry by docker compose behind nginx, with passwords and without TLS.
use crate::listed::KUBECTL;
use crate::tutorial::Tutorial;

const OPEN: &str = r#"version: '3'

services:
  registry:
    image: registry:2
    ports:
    - "5000:5000"
    environment:
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /Data
    volumes:
      - /Data:/Data
"#;

const GUARDED: &str = "version: '3'

services:
  registry:
    image: registry:2
    restart: always
    ports:
    - \"5000:5000\"
    environment:
\t  REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/registry.password
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /Data
    volumes:
\t  - ./auth:/auth
      - /Data:/Data
";

const NGINX: &str = r#"
  server {
    listen 80;

    server_name docker-registry.home www.docker-registry.home;

    location / {
      proxy_pass http://docker-registry:5000;
      proxy_set_header  Host              $http_host;   # required for docker client's sake
      proxy_set_header  X-Real-IP         $remote_addr; # pass on real client's IP
      proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
      proxy_set_header  X-Forwarded-Proto $scheme;
    }
  }
"#;

/// What Debian has round the files of sites.
const SITES: &str = "
  pid nginx.pid;
  error_log stderr;
  events {}
  http {
    access_log off;
    include /etc/docker/site.conf;
  }
";

const DAEMON: &str = r#"{
   "insecure-registries": ["docker-registry.home:80"]
}
"#;

const HOSTS: &str = "docker-registry docker-registry.home myregistry";

#[test]
fn nginx_stands_before_a_registry_with_passwords() {
    let test = "nginx_stands_before_a_registry_with_passwords";
    let Some(mut t) = Tutorial::begin("proxy", test, &["/Data"], HOSTS) else { return };
    t.docker.build("my-app", 1);
    t.beside("mkdir ~/docker-registry && cd ~/docker-registry");
    t.file("docker-registry/docker-compose.yaml", OPEN);
    let said = t.fails("docker compose up -f docker-compose.yaml -d");
    assert!(said.contains("unknown shorthand flag: 'f' in -f"), "{said}");
    t.beside("docker compose -f docker-compose.yaml up -d");
    t.wait_for("docker-registry:5000");

    t.file("/etc/docker/site.conf", NGINX);
    t.write("docker-registry/nginx.conf", SITES);
    t.beside("nginx -p ~/docker-registry -c nginx.conf -e stderr");
    guard(&mut t);
    t.listed(KUBECTL);
    use_it(&mut t);
    over_tls(&mut t);
    t.end(22);
}

/// Passwords, and docker's exception for a registry without TLS.
fn guard(t: &mut Tutorial) {
    t.listed("sudo apt install apache2-utils -y");
    t.run("mkdir ~/docker-registry/auth");
    t.run("cd ~/docker-registry/auth");
    // It makes no file, and says so.
    let said = t.fails("sudo htpasswd -B registry.password guillaume");
    assert!(said.contains("use '-c' to create it"), "{said}");
    t.beside("htpasswd -B -b -c registry.password guillaume secret");
    t.beside("cd ~/docker-registry");
    t.file("docker-registry/docker-compose.yaml", GUARDED);
    let said = t.refused("docker compose -f docker-compose.yaml up -d");
    assert!(said.contains("cannot start any token") || said.contains("tab"), "{said}");
    t.beside("sed -i 's/\\t/    /' docker-compose.yaml");
    t.beside("docker compose -f docker-compose.yaml up -d");
    t.file("/etc/docker/daemon.json", DAEMON);
    t.docker.restart();
    t.wait_for("docker-registry.home:80");

    let refused =
        "curl --silent --output /dev/null --write-out '%{http_code}' http://docker-registry.home:80/v2/";
    assert_eq!(t.beside(refused), "401");
    let answers = [("Username", "guillaume"), ("Password", "secret")];
    assert!(t.typed("docker login docker-registry.home:80", &answers).contains("Login Succeeded"));
    t.file("docker.json", DAEMON);
}

fn use_it(t: &mut Tutorial) {
    let login = t.filled("docker login [registry_url]", &[("[registry_url]", "docker-registry.home:80")]);
    assert!(login.contains("Login Succeeded"), "{login}");
    t.filled(
        "docker tag [nom_image_locale] [url_du_registry]/[nom_utilisateur]/[nom_image]:[tag]",
        &[
            ("[nom_image_locale]", "my-app"),
            ("[url_du_registry]", "docker-registry.home:80"),
            ("[nom_utilisateur]", "guillaume"),
            ("[nom_image]", "hello-world-api"),
            ("[tag]", "v1"),
        ],
    );
    t.run("docker tag my-app myregistry.example.com/myuser/my-app:latest");
    let image = [
        ("<url_du_registry>", "docker-registry.home:80"),
        ("<nom_utilisateur>", "guillaume"),
        ("<nom_image>", "hello-world-api"),
        ("<tag>", "v1"),
    ];
    t.filled("docker push <url_du_registry>/<nom_utilisateur>/<nom_image>:<tag>", &image);

    // The password in docker's file, where docker looks for it.
    t.beside("cp ~/.docker/config.json saved");
    t.listed("{\n\t\"auth\": \"mdp\"\n}");
    t.beside("docker push docker-registry.home:80/guillaume/hello-world-api:v1");
    t.beside("echo '{}' >~/.docker/config.json");
    let said = t.refused("docker push docker-registry.home:80/guillaume/hello-world-api:v1");
    assert!(said.contains("no basic auth credentials"), "{said}");
    t.beside("mv saved ~/.docker/config.json");

    t.beside("docker image rm my-app docker-registry.home:80/guillaume/hello-world-api:v1");
    t.filled("docker pull <url_du_registry>/<nom_utilisateur>/<nom_image>:<tag>", &image);
    t.run("docker pull docker-registry.home:80/guillaume/hello-world-api:v1");
    let said = t.filled(
        "curl -X GET -u guillaume:<password> http://docker-registry.home:80/v2/_catalog",
        &[("<password>", "secret")],
    );
    assert_eq!(said, r#"{"repositories":["guillaume/hello-world-api"]}"#);
    t.beside("docker tag myregistry.example.com/myuser/my-app:latest docker-registry.home:80/ubuntu");
    t.beside("docker push docker-registry.home:80/ubuntu");
}

/// The same data, served without a proxy and with a certificate.
fn over_tls(t: &mut Tutorial) {
    t.beside("docker compose down");
    t.beside(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=myregistry \
         -addext subjectAltName=DNS:myregistry -keyout auth/key -out auth/certificate",
    );
    t.beside(
        "docker run -d -p 5000:5000 -v /Data:/Data -v ~/docker-registry/auth:/auth \
         -e REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/Data \
         -e REGISTRY_HTTP_TLS_CERTIFICATE=/auth/certificate -e REGISTRY_HTTP_TLS_KEY=/auth/key registry:2",
    );
    t.wait_for("https://myregistry:5000");
    t.beside("export CURL_CA_BUNDLE=~/docker-registry/auth/certificate");
    let said = t.run("curl -X GET https://myregistry:5000/v2/_catalog");
    assert_eq!(said, r#"{"repositories":["guillaume/hello-world-api","ubuntu"]}"#);
    let said = t.run("curl -X GET https://myregistry:5000/v2/ubuntu/tags/list");
    assert_eq!(said, r#"{"name":"ubuntu","tags":["latest"]}"#);
}

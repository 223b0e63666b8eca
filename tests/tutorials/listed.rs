//! What cannot run here as its document has it.

/// What stands for a restart of dockerd, which the test does itself.
pub const RESTART: &str = "restart";

/// As it stands in its document.
pub const KUBECTL: &str = r"kubectl create secret docker-registry docker-cred \
    --docker-server=https://index.docker.io/v1/ \
    --docker-username=your-username \
    --docker-password=your-password";

/// A command of a document.
#[derive(Debug)]
pub struct Listed {
    /// The document: the module that runs it.
    pub document: &'static str,
    /// As it stands there.
    pub command: &'static str,
    /// What runs in its place; nothing, where this is empty.
    pub instead: &'static str,
    /// Why.
    #[expect(dead_code, reason = "is for those who read the table")]
    pub because: &'static str,
}

const NO_HUB: &str = "it wants an account at the Hub, which has nothing to do with this registry";
const NO_SYSTEMD: &str = "there is no systemd where tests run; the test restarts dockerd itself";
const DEBIAN: &str = "it changes the machine; .ci/run installs the package before the tests";

const FILTER: &str = "docker knows no filter of that name: it is written small";

/// All of them. Each has to have its turn, so that none outlives its reason.
pub const LISTED: &[Listed] = &[
    Listed { document: "tls", command: "sudo systemctl daemon-reload", instead: "", because: NO_SYSTEMD },
    Listed {
        document: "tls",
        command: "sudo systemctl restart docker",
        instead: RESTART,
        because: NO_SYSTEMD,
    },
    Listed {
        document: "compose",
        command: "sudo apt-get install -y apache2-utils pwgen",
        instead: "",
        because: DEBIAN,
    },
    Listed {
        document: "compose",
        command: "docker volume ls --filter Name=my-private-registry",
        instead: "docker volume ls --filter name=my-private-registry",
        because: FILTER,
    },
    Listed {
        document: "compose",
        command: "docker volume rm $(docker volume ls --filter Name=my-private-registry --format '{{.Name}}')",
        instead: "docker volume rm $(docker volume ls --filter name=my-private-registry --format '{{.Name}}')",
        because: FILTER,
    },
    Listed {
        document: "compose",
        command: r#"(set -x; docker run --name "${REPO}-${RANDOM}" --rm "${REGISTRY_FQDN_AND_PORT}/${REPO}:${TAG}")"#,
        instead: r#"(set -x; docker run --name "${REPO}-${RANDOM}" --rm "${REGISTRY_FQDN_AND_PORT}/${REPO}:${TAG}") &"#,
        because: "it stays in front, and the next commands are typed somewhere else",
    },
    Listed {
        document: "compose",
        command: r"CONTAINER_ID=$(docker ps --filter Name=greet-python --format='{{.ID}}\t{{.Image}}\t{{.Names}}' | awk '{print $1}')",
        instead: r"CONTAINER_ID=$(docker ps --filter name=greet-python --format='{{.ID}}\t{{.Image}}\t{{.Names}}' | awk '{print $1}')",
        because: FILTER,
    },
    Listed { document: "proxy", command: "sudo apt install apache2-utils -y", instead: "", because: DEBIAN },
    Listed {
        document: "proxy",
        command: KUBECTL,
        instead: "",
        because: "it names the Hub's registry, and wants a cluster",
    },
    Listed {
        document: "proxy",
        command: "{\n\t\"auth\": \"mdp\"\n}",
        instead: "printf '{\"auths\": {\"docker-registry.home:80\": {\"auth\": \"%s\"}}}' $(printf guillaume:secret | base64) \
                  >~/.docker/config.json",
        because: "docker reads it under the name of the registry, and of name and password",
    },
    Listed { document: "hub", command: "docker login", instead: "", because: NO_HUB },
    Listed {
        document: "hub",
        command: "docker push <USER>/<IMAGE_NAME>:[VERSION]",
        instead: "",
        because: NO_HUB,
    },
];

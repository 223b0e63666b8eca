//! A directory of users: OpenLDAP's slapd, with a tree of its own.
use crate::place::{Place, free_port};
use crate::{Certificates, Server, eventually};
use std::fs::{self, File};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Users, their passwords and groups. Only the searcher may read, and people may log in.
const TREE: &str = "dn: dc=example,dc=org
objectClass: domain
dc: example

dn: cn=registry,dc=example,dc=org
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: registry
userPassword: searcher

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: ou=others,dc=example,dc=org
objectClass: organizationalUnit
ou: others

dn: ou=elsewhere,dc=example,dc=org
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://127.0.0.1:1/dc=elsewhere

dn: cn=devs,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: devs
member: uid=alice,ou=people,dc=example,dc=org

dn: cn=staff,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: staff
member: cn=devs,ou=groups,dc=example,dc=org
member: cn=staff,ou=groups,dc=example,dc=org

dn: cn=builders,ou=groups,dc=example,dc=org
objectClass: posixGroup
cn: builders
gidNumber: 1000
memberUid: bob

dn: cn=ops,ou=others,dc=example,dc=org
objectClass: groupOfNames
cn: ops
member: uid=bob,ou=people,dc=example,dc=org

dn: uid=twin,ou=others,dc=example,dc=org
objectClass: account
objectClass: simpleSecurityObject
uid: twin
userPassword: twin

dn: uid=locked,ou=people,dc=example,dc=org
objectClass: account
uid: locked
";

const CONFIG: &str = "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
allow bind_anon_cred
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCACertificateFile {certificates}/ca.crt
TLSCertificateFile {certificates}/server.crt
TLSCertificateKeyFile {certificates}/server.key
database mdb
suffix dc=example,dc=org
directory {folder}/db
rootdn cn=admin,dc=example,dc=org
rootpw admin
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=\"cn=registry,dc=example,dc=org\" read by * none
";

/// A running directory, whose name is `localhost`. It ends and its tree goes when it is dropped.
#[derive(Debug)]
pub struct Directory {
    place: Place,
    certificates: Certificates,
    port: u16,
    tls_port: u16,
    child: Option<Child>,
}

/// What an entry of `ou=people` says beside its name: `alice` has the password `wonderland` and an attribute that
/// names a group in each of two places, `bob` has the password `builder`.
fn people() -> String {
    let mut tree = String::new();
    let mut person = |name: &str, password: &str, more: &str| {
        tree += &format!(
            "\ndn: uid={name},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\n\
             sn: {name}\nuserPassword: {password}\n{more}"
        );
    };
    let groups =
        "seeAlso: cn=devs,ou=groups,dc=example,dc=org\nseeAlso: cn=ops,ou=others,dc=example,dc=org\n";
    person("alice", "wonderland", groups);
    person("bob", "builder", "");
    person("twin", "twin", "");
    for number in 0..60 {
        person(&format!("user{number}"), &format!("password{number}"), "");
    }
    tree
}

impl Directory {
    /// Makes the tree and starts.
    ///
    /// # Panics
    /// When that fails, with what was said.
    #[track_caller]
    pub fn start() -> Directory {
        let (place, certificates) = (Place::new(), Certificates::new());
        let mut directory =
            Directory { place, certificates, port: free_port(), tls_port: free_port(), child: None };
        let folder = directory.place.folder.clone();
        fs::create_dir(folder.join("db")).expect("a folder can be made");
        let config = CONFIG
            .replace("{folder}", folder.to_str().expect("a temporary folder is UTF-8"))
            .replace("{certificates}", directory.certificates.file("").to_str().expect("UTF-8"));
        fs::write(folder.join("slapd.conf"), config).expect("a file can be written");
        fs::write(folder.join("tree.ldif"), TREE.to_owned() + &people()).expect("a file can be written");
        let added = directory.command("/usr/sbin/slapadd").args(["-l", "tree.ldif"]).output();
        let added = added.expect("the tests need slapd");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        directory.launch();
        directory
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-f", "slapd.conf"]).current_dir(&self.place.folder).stdin(Stdio::null());
        command
    }

    /// Starts it again, where it was before.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.place.folder.join("log"));
        let log = log.expect("the log can be opened");
        let places = format!("{} ldaps://0.0.0.0:{}", self.url(), self.tls_port);
        // With `-d` it stays in the foreground, and says which operations there are.
        let mut command = self.command("/usr/sbin/slapd");
        command.args(["-d", "stats", "-h", &places]).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("the tests need slapd"));
        let up = eventually(Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        assert!(up, "slapd does not start:\n{}", self.log());
    }

    /// Stops it. Nothing happens if it does not run.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().expect("a child can be waited for");
        }
    }

    /// Where it is, without TLS unless that is begun within a connection.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Where it is with TLS, under one of the machine's own addresses or names.
    pub fn tls_url(&self, host: &str) -> String {
        format!("ldaps://{host}:{}", self.tls_port)
    }

    /// The certificates; that of the directory is for 127.0.0.1 and localhost.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What was done with it, a line for each operation.
    pub fn log(&self) -> String {
        self.place.log()
    }

    /// How many operations were of this kind so far: `BIND dn="uid=alice`.
    pub fn count(&self, operation: &str) -> usize {
        self.log().matches(operation).count()
    }

    /// Changes entries, as LDIF says (`ldapmodify`).
    ///
    /// # Panics
    /// When that is refused.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        let file = self.place.folder.join("change.ldif");
        fs::write(&file, ldif).expect("a file can be written");
        let changed = Command::new("ldapmodify")
            .args(["-x", "-D", "cn=admin,dc=example,dc=org", "-w", "admin", "-H", &self.url(), "-f"])
            .arg(&file)
            .output()
            .expect("the tests need ldap-utils");
        assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    }

    /// The configuration of a registry that asks it as its searcher: `more` are lines of `auth.ldap`, with four spaces
    /// before them; `rules` begins with `access:`.
    pub fn config(&self, more: &str, rules: &str) -> String {
        let url = self.url();
        format!(
            "version: 0.1\nauth:\n  ldap:\n    url: {url}\n    binddn: cn=registry,dc=example,dc=org\n    \
             bindpassword: searcher\n    basedn: ou=people,dc=example,dc=org\n{more}{rules}"
        )
    }

    /// A registry with this configuration.
    #[track_caller]
    pub fn guard(&self, more: &str, rules: &str) -> Server {
        Server::with(|setup| setup.config(&self.config(more, rules)))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.stop();
    }
}

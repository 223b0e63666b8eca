//! Users, and servers that ask for them.
use crate::{Request, Server, Setup};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A line of an htpasswd file for bob, whose password is `builder`.
pub const BOB_LINE: &str = "bob:$2y$05$qH2FQE5picqtD3pGgJiluOiIG/PfGy6x/QAukYAhN1OH2SGYf/JYa";

/// The users of these tests: a file as people write them. carol's password is hashed at a cost of 10.
pub(crate) const USERS: &str =
    "# the users\r\n\r\nalice:plain\nalice:$2y$05$ja6Mk1wEYqk3KNVT8eSozeHbktBMO5vKigtQlxdl8D1FZWEWpv8nK\n\
bob:$2y$05$qH2FQE5picqtD3pGgJiluOiIG/PfGy6x/QAukYAhN1OH2SGYf/JYa\r
mallory:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=
plain:password
carol:$2y$10$pjqP.cI962c7xbBQ.22pbOmuGpzbI.aNsW38wFIpQzfus4EtfQ2VG
";

/// A name and its password.
pub const ALICE: &str = "alice:wonderland";

/// Another name and its password.
pub const BOB: &str = "bob:builder";

/// The Authorization header of a name and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A request of someone, as `name:password`.
pub fn with_login(request: Request, login: &str) -> Request {
    request.header("Authorization", format!("Basic {}", STANDARD.encode(login)))
}

/// Has our own host ask for passwords, with these rules: `access:` and what follows in YAML. On every host:
/// [`Setup::users`] and [`Setup::rule`].
pub fn guard<'a>(setup: &'a mut Setup, rules: &str) -> &'a mut Setup {
    setup
        .file("htpasswd", USERS)
        .config(&format!("version: 0.1\nauth:\n  htpasswd:\n    path: '{{scratch}}/htpasswd'\n{rules}"))
}

/// A server that asks for passwords.
#[track_caller]
pub fn guarded(rules: &str) -> Server {
    Server::with(|setup| guard(setup, rules))
}

//! Passwords out of the setting `auth.htpasswd.users`: the lines of an htpasswd file. For hosts that have no files and no
//! threads: bcrypt runs here, and holds up this instance's other requests for as long (50 ms at the usual cost). A password that
//! was right is remembered, so that it does so once per instance and user.
//!
//! It signs nothing: where tokens are wanted, they come from elsewhere (`auth.token`), and a public key is enough here.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/credentials-htpasswd-component", path: "../../wit", generate_all });
}

use bindings::exports::pierhead::host::credentials::{self, CredentialsError, Identity};
use bindings::exports::pierhead::host::signer;
use bindings::pierhead::host::config;
use bindings::wasi::clocks::monotonic_clock;
use htpasswd::Users;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

struct Credentials;
bindings::export!(Credentials with_types_in bindings);

/// The default of `auth.htpasswd.remember`, as on our own host.
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// How many are remembered.
const REMEMBERED: usize = 1000;

/// A user and a password. What is remembered of them tells neither.
type Mark = [u8; 32];

thread_local! {
    static USERS: Users = users();
    /// For how long a password that was right is not hashed again. The settings stay the same for as long as the instance lives.
    static REMEMBER: Duration = settings::duration("auth.htpasswd.remember", config::get, FIVE_MINUTES);
    /// Until when each holds, by the clock that is monotonic.
    static RIGHT: RefCell<HashMap<Mark, u64>> = RefCell::default();
}

fn users() -> Users {
    let Some(text) = config::get("auth.htpasswd.users") else {
        guest_log::log!(
            "auth.htpasswd.users is not set, and nobody can log in: give it the lines of an htpasswd file"
        );
        return Users::default();
    };
    let (users, problems) = Users::parse(&text);
    problems.iter().for_each(|problem| guest_log::log!("auth.htpasswd.users: {problem}"));
    users
}

fn mark(user: &str, password: &str) -> Mark {
    let length = (user.len() as u64).to_le_bytes();
    Sha256::new().chain_update(length).chain_update(user).chain_update(password).finalize().into()
}

fn identity(name: String) -> Option<Identity> {
    Some(Identity { name, groups: Vec::new() })
}

impl credentials::Guest for Credentials {
    fn verify_now(user: String, password: String) -> Option<Result<Option<Identity>, CredentialsError>> {
        let (mark, now) = (mark(&user, &password), monotonic_clock::now());
        let remembered = RIGHT.with_borrow(|right| right.get(&mark).is_some_and(|until| now < *until));
        remembered.then(|| Ok(identity(user)))
    }

    async fn verify(user: String, password: String) -> Result<Option<Identity>, CredentialsError> {
        if !USERS.with(|users| users.verify(&user, password.as_bytes()).is_some()) {
            return Ok(None);
        }
        let (mark, now) = (mark(&user, &password), monotonic_clock::now());
        let until = now.saturating_add(REMEMBER.with(Duration::as_nanos).try_into().unwrap_or(u64::MAX));
        RIGHT.with_borrow_mut(|right| {
            if right.len() >= REMEMBERED {
                right.clear();
            }
            right.insert(mark, until);
        });
        Ok(identity(user))
    }
}

impl signer::Guest for Credentials {
    fn sign(_: String) -> Option<String> {
        None
    }
}

//! An `auth` that misbehaves on demand: what it does depends on the repository's name. Composed with the
//! real front, blobs and manifests it stands for a registry with a faulty part, and for another one.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/auth-component", path: "../../../wit" });
}
use bindings::exports::pierhead::registry::auth::{Guest, Question, Refusal};

struct Auth;
bindings::export!(Auth with_types_in bindings);

fn refusal(known: bool, challenge: Option<&str>) -> Refusal {
    Refusal { known, challenge: challenge.map(Into::into), message: "by order of the fixture".into() }
}

impl Guest for Auth {
    fn check_now(question: Question) -> Option<Result<(), Refusal>> {
        match question.repository.as_deref() {
            Some("trap") => panic!("the fixture was asked to trap"),
            Some("compute") => loop {
                std::hint::black_box(());
            },
            Some("grow") => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(vec![1; 1 << 20]);
                }
            }
            Some("denied") => Some(Err(refusal(true, None))),
            Some("login") => Some(Err(refusal(false, Some("Basic realm=\"fixture\"")))),
            Some("wait") => None,
            _ => Some(Ok(())),
        }
    }

    async fn check(_question: Question) -> Result<(), Refusal> {
        Ok(())
    }
}

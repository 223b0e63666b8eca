//! An `auth` that misbehaves on demand: what it does depends on the repository's name. Composed with the
//! real front, blobs and manifests it stands for a registry with a faulty part, and for another one.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/auth-component", path: "../../../wit", generate_all });
}
use bindings::exports::pierhead::registry::auth::{
    Challenge, Grant, Guest, Question, Reason, Refusal, Token, TokenRequest,
};
use bindings::pierhead::registry::types::Readable;

struct Auth;
bindings::export!(Auth with_types_in bindings);

fn refusal(reason: Reason, challenge: Option<&str>, retry_after: Option<u32>) -> Refusal {
    let (challenge, message) =
        (challenge.map(|text| Challenge::Whole(text.into())), "by order of the fixture".into());
    Refusal { reason, user: None, challenge, retry_after, message }
}

fn granted() -> Grant {
    Grant { user: Some("fixture".into()), readable: Readable::All }
}

impl Guest for Auth {
    fn check_now(question: Question) -> Option<Result<Grant, Refusal>> {
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
            Some("denied") => Some(Err(refusal(Reason::Denied, None, None))),
            Some("login") => Some(Err(refusal(Reason::Unauthorized, Some("Basic realm=\"fixture\""), None))),
            Some("often") => Some(Err(refusal(Reason::TooManyRequests, None, Some(7)))),
            Some("away") => Some(Err(refusal(Reason::Unavailable, None, None))),
            Some("wait") => None,
            _ => Some(Ok(granted())),
        }
    }

    async fn check(_question: Question) -> Result<Grant, Refusal> {
        Ok(granted())
    }

    async fn issue(_request: TokenRequest) -> Result<Token, Refusal> {
        Err(refusal(Reason::Denied, None, None))
    }
}

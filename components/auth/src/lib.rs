//! Who is asking, and may they. It is asked on every request; while nothing restricts access, the answer
//! is yes.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/auth-component", path: "../../wit", generate_all });
}
use bindings::exports::pierhead::registry::auth::{Guest, Question, Refusal};

struct Auth;
bindings::export!(Auth with_types_in bindings);

impl Guest for Auth {
    fn check_now(_question: Question) -> Option<Result<(), Refusal>> {
        Some(Ok(()))
    }

    async fn check(_question: Question) -> Result<(), Refusal> {
        Ok(())
    }
}

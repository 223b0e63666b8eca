use crate::Response;
use std::time::{Duration, Instant};

/// Holds the answer to be an error of this status and code in the registry's form: JSON with a list `errors`,
/// whose first entry has the code and a message for people.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn assert_error(response: &Response, status: u16, code: &str) {
    assert_errors(response, status, &[code]);
}

/// As [`assert_error`], where the specification leaves a choice of codes.
///
/// # Panics
/// When the answer has another status, or none of the codes.
#[track_caller]
pub fn assert_errors(response: &Response, status: u16, codes: &[&str]) {
    assert_eq!(response.status, status, "{response}");
    let content_type = response.required("Content-Type");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    assert_eq!(essence, "application/json", "{response}");
    let body = response.json();
    let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no list of errors: {response}"));
    assert!(!errors.is_empty(), "the list of errors is empty: {response}");
    for error in errors {
        let code = error["code"].as_str().unwrap_or_else(|| panic!("an error without a code: {response}"));
        assert!(codes.contains(&code), "{code} is not among {codes:?}: {response}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "an error without a message: {response}");
        for inner in ["docker/registry/v2", "/tmp/", "_uploads", "os error", "panicked"] {
            assert!(!message.contains(inner), "a message shows the inside of the server: {response}");
        }
    }
}

/// Asks again and again until the answer is yes, or the time is up; says which.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

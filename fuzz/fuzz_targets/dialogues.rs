#![no_main]

use fuzz::Sent;
use std::sync::{LazyLock, Mutex};

static SENT: LazyLock<Mutex<Sent>> = LazyLock::new(Mutex::default);

libfuzzer_sys::fuzz_target!(|input: &[u8]| SENT.lock().expect("one thread").dialogue(input));

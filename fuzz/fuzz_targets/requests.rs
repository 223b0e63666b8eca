#![no_main]

use fuzz::Sent;
use libfuzzer_sys::fuzzer_mutate;
use std::sync::{LazyLock, Mutex};
use tests::vary_a_part;

static SENT: LazyLock<Mutex<Sent>> = LazyLock::new(Mutex::default);

libfuzzer_sys::fuzz_target!(|input: &[u8]| SENT.lock().expect("one thread").request(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    match seed % 8 {
        0 => fuzzer_mutate(data, size, max_size),
        _ => vary_a_part(&mut data[..max_size], size, seed / 8, |part, size| {
            fuzzer_mutate(part, size, part.len())
        }),
    }
});

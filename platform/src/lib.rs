//! What a store over objects needs of where it runs: the time, chance, tasks, streams of bytes, and somewhere to say what
//! went wrong. A component has them of WASI, our own host of tokio; who uses them has one thread, and cannot tell the two
//! apart.

#[cfg(not(target_family = "wasm"))]
#[path = "native.rs"]
mod here;
#[cfg(target_family = "wasm")]
#[path = "wasi.rs"]
mod here;
mod task;

pub use here::{Body, Stream, elapsed, now, random, say, spawn, wait};
pub use task::Task;

/// Writes a line to the log: of what went wrong and nobody is told.
#[macro_export]
macro_rules! log {
    ($($text:tt)*) => { $crate::say(format_args!($($text)*)) };
}

/// Hands on all of a stream, `most` bytes at a time, and what is left of them at its end, which may have come too early:
/// whoever wants so many bytes counts.
///
/// # Errors
/// The first of `each`.
pub async fn drain<E>(
    stream: &mut Stream,
    most: usize,
    mut each: impl AsyncFnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut chunk = Vec::with_capacity(most);
    loop {
        let ended = stream.fill(&mut chunk).await;
        if chunk.len() >= most || ended && !chunk.is_empty() {
            each(std::mem::replace(&mut chunk, Vec::with_capacity(most))).await?;
        }
        if ended {
            return Ok(());
        }
    }
}

//! wasmtime, set up once: how code is compiled, how many instances there may be, how long one may compute.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store, UpdateDeadline,
    format_err,
};

/// What code is compiled for ahead of time, so that the executable runs on nearly all machines of the architecture:
/// on x86-64 those of the second level, of 2009 and later. Without its SSSE3 the components' vector instructions become
/// calls into the host, one for each shuffle.
const TARGET: (&str, Option<&str>) = if cfg!(target_arch = "aarch64") {
    ("aarch64-unknown-linux-gnu", None)
} else {
    ("x86_64-unknown-linux-gnu", Some("x86-64-v2"))
};

/// How much there may be at once.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Instances of the composed component.
    pub instances: u32,
    /// Bytes of each linear memory.
    pub memory: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { instances: 1, memory: 64 << 20 }
    }
}

/// One composed component is several core instances (handlers, and the adapters round them); each
/// handler has a memory. These are the most that a registry may be made of.
const CORE_INSTANCES: u32 = 32;
const MEMORIES: u32 = 8;
const TABLES: u32 = 16;
/// A request that waits needs two stacks: one for the call it waits in, one for whoever is called back. Each is a
/// mapping with a guard, made at the start, at some microseconds a piece.
const STACKS: u32 = 2;

/// The settings that decide about compiled code (the same for every number of instances), and the bounds.
pub fn config(bounds: &Bounds) -> Config {
    let n = bounds.instances;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(n)
        .total_core_instances(n.saturating_mul(CORE_INSTANCES))
        .total_memories(n.saturating_mul(MEMORIES))
        .total_tables(n.saturating_mul(TABLES))
        .total_stacks(n.saturating_mul(STACKS))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(bounds.memory)
        // What stays resident of an instance that is put back is memory that idles; what does not is a
        // page fault in the next request.
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(4 << 10);
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// An engine that compiles ahead of time, for other machines than this one.
///
/// # Errors
/// wasmtime does not know the machine.
pub fn compiler() -> Result<Engine> {
    let (target, level) = TARGET;
    let mut config = config(&Bounds::default());
    config.target(target)?;
    if let Some(level) = level {
        // SAFETY: this names instructions that the machine has to have; wasmtime refuses to load the code where it
        // does not have them.
        #[allow(unsafe_code)]
        unsafe {
            config.cranelift_flag_enable(level);
        }
    }
    Engine::new(&config)
}

/// How often the clock ticks that bounds computation.
const TICK: Duration = Duration::from_millis(50);

thread_local! {
    /// How many ticks components have noticed since this thread last began to work on a request. What passes while the
    /// machine stands still, or the host does something for them, is one tick, however long it takes.
    static TICKS: Cell<u128> = const { Cell::new(0) };
}

/// Starts the clock for an engine, on a thread of its own.
pub fn start_clock(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("clock".into()).spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}

/// Makes the store's components trap when they compute for longer than `limit` without waiting: a core
/// serves all its connections on one thread, so that one of them would hold up all.
pub fn bound_computation<T>(store: &mut Store<T>, limit: Duration) {
    let ticks = limit.as_millis().div_ceil(TICK.as_millis());
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        TICKS.set(TICKS.get() + 1);
        match TICKS.get() > ticks {
            true => Err(format_err!("the component computed for more than {limit:?} (limits.computation)")),
            false => Ok(UpdateDeadline::Continue(1)),
        }
    });
}

/// Does work whose time counts from each poll on: what it waits for between polls is not computation.
pub async fn timed<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        TICKS.set(0);
        work.as_mut().poll(cx)
    })
    .await
}

/// An engine within bounds.
pub fn engine(bounds: &Bounds) -> Result<Engine> {
    Engine::new(&config(bounds))
}

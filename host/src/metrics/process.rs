//! What the process uses, under the names that Prometheus's libraries give it.

use super::registered;
use prometheus::{Counter, Gauge, Registry};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the process uses.
pub struct Process {
    cpu: Counter,
    memory: Gauge,
    files: Gauge,
    files_at_most: Gauge,
}

impl Process {
    /// Nothing measured yet but when it started, which is now.
    pub fn registered(registry: &Registry) -> prometheus::Result<Process> {
        let gauge = |name: &str, help: &str| registered(registry, Gauge::new(name, help)?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let help = "Start time of the process since unix epoch in seconds.";
        gauge("process_start_time_seconds", help)?.set(now.as_secs_f64());
        let help = "Total user and system CPU time spent in seconds.";
        Ok(Process {
            cpu: registered(registry, Counter::new("process_cpu_seconds_total", help)?)?,
            memory: gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            files: gauge("process_open_fds", "Number of open file descriptors.")?,
            files_at_most: gauge("process_max_fds", "Maximum number of open file descriptors.")?,
        })
    }

    /// Measures all of it. What the system does not tell stays as it was.
    pub fn measure(&self) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
        if let Some(bytes) = resident() {
            self.memory.set(bytes as f64);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is that of the folder.
            self.files.set(files.count().saturating_sub(1) as f64);
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            self.files_at_most.set(most as f64);
        }
    }
}

/// How many bytes of memory the process has.
fn resident() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

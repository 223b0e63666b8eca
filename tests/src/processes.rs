use crate::eventually;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::fs;
use std::time::Duration;

/// A process and all that it has started.
fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|child| child.parse().ok()).flat_map(family));
    }
    found
}

/// The most memory that a process and those it has started have held, in KiB.
pub(crate) fn memory_peak(pid: u32) -> u64 {
    let of = |pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
    };
    family(pid).into_iter().map(of).sum()
}

/// Kills every process of a group, and waits until there are none: they have ports, and files.
pub(crate) fn end_group(leader: u32) {
    let group = Pid::from_raw(leader.cast_signed()).expect("a process has a number");
    let gone = || kill_process_group(group, Signal::KILL).is_err() || test_kill_process_group(group).is_err();
    assert!(eventually(Duration::from_secs(10), gone), "processes of {leader} do not end");
}

//! The lines above a table of figures: when, on what, and at which sizes they were measured.

use std::fs::read_to_string;
use std::thread::available_parallelism;
use std::time::SystemTime;

use crate::options::Settings;

/// Date, machine and sizes as markdown lines.
pub(crate) fn describe(settings: &Settings) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let cpu = cpu_model().unwrap_or_else(|| "unknown processor".to_owned());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!(
        "Date: {}\nMachine: {cores} cores, {cpu}, Linux {}, load average {load} before\n\
         Sizes: {}; {} repeats, median; {} s each",
        humantime::format_rfc3339_seconds(SystemTime::now()),
        kernel.trim(),
        settings.scale.name,
        settings.repeat,
        settings.measured.as_secs(),
    )
}

fn cpu_model() -> Option<String> {
    let cpus = read_to_string("/proc/cpuinfo").ok()?;
    let line = cpus.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(": ").map(|(_, model)| model.to_owned())
}

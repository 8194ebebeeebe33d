//! What the system says about this process, under the names that Prometheus' own clients use.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Has `registry`, which has no prefix, show this process.
pub fn show_process(registry: &mut Registry) {
    registry.register("rtio_build", "Which rtio this is", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    registry.register_collector(Box::new(Process { started: Timestamp::now() }));
}

/// Asks the system at each scrape.
#[derive(Debug)]
struct Process {
    started: Timestamp,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut show = |name: &str, help: &str, metric: &dyn EncodeMetric| {
            let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(encoder)
        };
        let cpu = ConstCounter::new(cpu_seconds());
        show("process_cpu_seconds", "Time that all cores worked for this process", &cpu)?;
        let memory = ConstGauge::new(resident_bytes());
        show("process_resident_memory_bytes", "Memory that this process has in RAM", &memory)?;
        let descriptors = ConstGauge::new(open_descriptors());
        show("process_open_fds", "Descriptors that this process has open", &descriptors)?;
        let most = ConstGauge::new(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
        show("process_max_fds", "Descriptors that this process may have open", &most)?;
        let started = ConstGauge::new(self.started.as_second());
        show("process_start_time_seconds", "When this process started, in seconds since 1970", &started)
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Zero where the system does not tell.
fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm");
    let pages = pages.ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Since Linux 6.2 the folder's size is their number. Before, they are counted, which takes a while for a million.
fn open_descriptors() -> u64 {
    let folder = Path::new("/proc/self/fd");
    match fs::metadata(folder).map(|folder| folder.len()) {
        Ok(0) | Err(_) => fs::read_dir(folder).map_or(0, |entries| entries.count() as u64),
        Ok(number) => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells() {
        let memory = resident_bytes();
        assert!((1_000_000..1 << 40).contains(&memory), "{memory}");
        let before = open_descriptors();
        let _files: Vec<_> = (0..10).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(before >= 3 && open_descriptors() >= 10, "{before}");
        assert!(cpu_seconds() > 0.0);
    }
}

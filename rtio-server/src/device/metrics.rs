//! What there is at the devices' edge right now, for `/metrics`.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use super::Devices;

impl Collector for Devices {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let unverified = ConstGauge::new(self.unverified.taken());
        let metric = encoder.encode_descriptor(
            "unverified_connections",
            "Device connections that have not verified themselves yet",
            None,
            unverified.metric_type(),
        )?;
        unverified.encode(metric)
    }
}

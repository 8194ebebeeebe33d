//! stub
#[derive(Debug, Clone, Default)]
pub struct Shutdown(tokio_util::sync::CancellationToken);
impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn trigger(&self) {
        self.0.cancel();
    }
    pub async fn triggered(&self) {
        self.0.cancelled().await;
    }
}

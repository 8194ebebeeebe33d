//! Fakes of what stands behind the hub's ports.

use std::time::Duration;

use parking_lot::Mutex;
use rtio_server::hub::ports::{BoxFuture, DeviceService, Verification, Verifier};
use rtio_server::hub::{DeviceId, Report, ReportAnswer, StatusCode};

/// Gives every device the same answer.
#[derive(Debug)]
pub(crate) struct Says(pub(crate) Verification);

impl Verifier for Says {
    fn verify<'a>(&'a self, _device: &'a DeviceId, _secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        Box::pin(std::future::ready(self.0))
    }
}

/// Accepts one secret.
#[derive(Debug)]
pub(crate) struct Secret(pub(crate) &'static [u8]);

impl Verifier for Secret {
    fn verify<'a>(&'a self, _device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        let verdict = if secret == self.0 { Verification::Accepted } else { Verification::Refused };
        Box::pin(std::future::ready(verdict))
    }
}

/// Accepts all, but takes `delay` for devices whose id begins with `slow`, or whose secret is that word.
#[derive(Debug)]
pub(crate) struct SlowAboutSome {
    pub(crate) delay: Duration,
}

impl Verifier for SlowAboutSome {
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        Box::pin(async move {
            if device.as_str().starts_with("slow") || secret == b"slow" {
                tokio::time::sleep(self.delay).await;
            }
            Verification::Accepted
        })
    }
}

/// Answers at once with the device's id, a colon and what it sent.
#[derive(Debug)]
pub(crate) struct Echo;

impl DeviceService for Echo {
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        let data = [report.device.as_str().as_bytes(), b":", &report.data].concat();
        Box::pin(std::future::ready(ReportAnswer { status: StatusCode::Ok, data }))
    }
}

/// Answers at once with how many bytes it was sent.
#[derive(Debug)]
pub(crate) struct Counts;

impl DeviceService for Counts {
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        let data = report.data.len().to_string().into_bytes();
        Box::pin(std::future::ready(ReportAnswer { status: StatusCode::Ok, data }))
    }
}

/// Answers at once, always the same.
#[derive(Debug)]
pub(crate) struct Answers(pub(crate) StatusCode, pub(crate) Vec<u8>);

impl DeviceService for Answers {
    fn post<'a>(&'a self, _report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        Box::pin(std::future::ready(ReportAnswer { status: self.0, data: self.1.clone() }))
    }
}

/// Breaks at once.
#[derive(Debug)]
pub(crate) struct Panics;

impl DeviceService for Panics {
    fn post<'a>(&'a self, _report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        Box::pin(async { panic!("a service with a bug") })
    }
}

/// Never answers.
#[derive(Debug)]
pub(crate) struct Silent;

impl DeviceService for Silent {
    fn post<'a>(&'a self, _report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        Box::pin(std::future::pending())
    }
}

/// Accepts all, and keeps what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Questions(Mutex<Vec<(String, Vec<u8>)>>);

impl Questions {
    /// Ids and secrets so far.
    pub(crate) fn asked(&self) -> Vec<(String, Vec<u8>)> {
        self.0.lock().clone()
    }
}

impl Verifier for &'static Questions {
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        self.0.lock().push((device.to_string(), secret.to_vec()));
        Box::pin(std::future::ready(Verification::Accepted))
    }
}

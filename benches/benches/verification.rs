//! Micro-benchmarks of one verification by the hub's own registry of devices: on disk, 100,000 devices, from one thread. The device
//! is another one each time, so that not always the same pages answer.
//! Run with `cargo bench -p benches --bench verification`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use divan::{Bencher, black_box};
use hmac::{Hmac, KeyInit, Mac};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::ports::{DeviceRegistry, Verification, Verifier};
use rtio_server::hub::{DeviceId, DeviceSecret, NewDevice};
use rtio_server::store::{Metrics, Store};
use sha2::Sha256;
use tempfile::TempDir;

fn main() {
    divan::main();
}

/// The registry, and its folder, which goes with it.
struct Fleet {
    store: Store,
    _folder: TempDir,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a file");
        let dir = DataDir::open(folder.path()).expect("the folder is ours");
        let store = Store::open(&dir, Metrics::default()).expect("an empty folder is sound");
        let new = |number| NewDevice { id: id("dev", number), secret: secret(number) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
        runtime.block_on(store.add((0..DEVICES).map(new).collect())).expect("nobody has these ids yet");
        Self { store, _folder: folder }
    }

    fn verifies(&self, device: &DeviceId, secret: &DeviceSecret) -> bool {
        let verdict = pin!(self.store.verify(black_box(device), black_box(secret.reveal().as_bytes())));
        match verdict.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => matches!(verdict, Verification::AcceptedBy(_)),
            Poll::Pending => unreachable!("the store answers at once"),
        }
    }
}

/// Who is next, in an order that jumps.
fn numbers() -> impl FnMut() -> usize {
    let mut number = 0;
    move || {
        number = (number + STRIDE) % DEVICES;
        number
    }
}

fn id(kind: &str, number: usize) -> DeviceId {
    DeviceId::parse(&format!("{kind}-{number:06}")).expect("the id is sound")
}

fn secret(number: usize) -> DeviceSecret {
    DeviceSecret::parse(&format!("{number:0SECRET_CHARS$}")).expect("the secret is long enough")
}

#[divan::bench(sample_count = SAMPLES)]
fn accepted(bencher: Bencher<'_, '_>) {
    let (fleet, mut next) = (Fleet::new(), numbers());
    let mut question = || {
        let number = next();
        (id("dev", number), secret(number))
    };
    let (device, right) = question();
    assert!(fleet.verifies(&device, &right));
    bencher.with_inputs(question).bench_local_refs(|(device, secret)| fleet.verifies(device, secret));
}

#[divan::bench(sample_count = SAMPLES)]
fn wrong_secret(bencher: Bencher<'_, '_>) {
    let (fleet, mut next) = (Fleet::new(), numbers());
    let mut question = || {
        let number = next();
        (id("dev", number), secret(number + 1))
    };
    let (device, wrong) = question();
    assert!(!fleet.verifies(&device, &wrong));
    bencher.with_inputs(question).bench_local_refs(|(device, secret)| fleet.verifies(device, secret));
}

#[divan::bench(sample_count = SAMPLES)]
fn unknown_id(bencher: Bencher<'_, '_>) {
    let (fleet, mut next) = (Fleet::new(), numbers());
    let question = || {
        let number = next();
        (id("stranger", number), secret(number))
    };
    bencher.with_inputs(question).bench_local_refs(|(device, secret)| fleet.verifies(device, secret));
}

/// What a verification costs without the database: the keyed digest of id and secret, made as the store makes it.
#[divan::bench]
fn digest(bencher: Bencher<'_, '_>) {
    let (device, secret) = (id("dev", 1), secret(1));
    bencher.bench(|| {
        let mut mac = Hmac::<Sha256>::new_from_slice(black_box(&[7; 32])).expect("any key is long enough");
        for part in [device.as_str().as_bytes(), b":", secret.reveal().as_bytes()] {
            mac.update(black_box(part));
        }
        mac.finalize().into_bytes()
    });
}

const DEVICES: usize = 100_000;

/// A verification is a sample, and the first ones find no page in memory.
const SAMPLES: u32 = 20_000;

/// A prime, so that all devices have their turn.
const STRIDE: usize = 61_803;

/// As many as the secrets that the hub makes have.
const SECRET_CHARS: usize = 43;

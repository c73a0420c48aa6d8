//! What it costs that the transport is a trait: a call through `Box<dyn Sender>`, as roles make it, beside the same call
//! made directly. `cargo bench -p tp-cost --bench outlet`.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the run")]

use core::hint::black_box;
use core::task::Poll;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use tp_core_nostd::transport::{Publication, SendError};
use tp_std::aeron::{
    AeronClient, AeronExclusivePublication, Channel, ClientConfig, MediaDriver, MediaDriverConfig,
};
use tp_std::medium::Sender;

const MESSAGE: [u8; 48] = [7; 48];

/// Takes everything.
#[derive(Debug, Default)]
struct Sink(u64);

impl Publication for Sink {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0 = self.0.wrapping_add(message.len() as u64);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        true
    }
}

impl Sender for Sink {
    fn can_accept(&self, _: usize) -> Result<(), SendError> {
        Ok(())
    }
}

fn offer(bench: &mut Bencher<'_>, sender: &mut (impl Publication + ?Sized)) {
    bench.iter(|| sender.offer(black_box(&MESSAGE)).is_ok());
}

fn sinks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("offer/sink");
    group.bench_function("direct", |bench| {
        offer(bench, black_box(&mut Sink::default()))
    });
    let mut boxed: Box<dyn Sender> = black_box(Box::new(Sink::default()));
    group.bench_function("boxed", |bench| offer(bench, boxed.as_mut()));
}

/// Nobody subscribes, so that the call into C is all there is.
fn aeron(criterion: &mut Criterion) {
    let root = tempfile::tempdir_in("/dev/shm").unwrap();
    let media = MediaDriver::start(MediaDriverConfig::new(root.path().join("aeron"))).unwrap();
    let mut client = AeronClient::connect(&ClientConfig::new(media.dir())).unwrap();
    let mut direct = publication(&mut client);
    let mut group = criterion.benchmark_group("offer/aeron");
    group.bench_function("direct", |bench| offer(bench, black_box(&mut direct)));
    let mut boxed: Box<dyn Sender> = black_box(Box::new(direct));
    group.bench_function("boxed", |bench| offer(bench, boxed.as_mut()));
}

fn publication(client: &mut AeronClient) -> AeronExclusivePublication {
    let mut pending = client
        .add_exclusive_publication(&Channel::ipc(), 1100)
        .unwrap();
    loop {
        let _ = client.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
    }
}

criterion_group!(benches, sinks, aeron);
criterion_main!(benches);

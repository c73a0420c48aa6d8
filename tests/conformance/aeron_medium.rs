//! The real adapter as a medium of the suite: an embedded media driver in a directory of its own.

use core::task::Poll;
use core::time::Duration;
use std::thread;

use tempfile::TempDir;
use tp_std::aeron::{
    AeronClient, AeronExclusivePublication, AeronSubscription, Channel, ClientConfig, MediaDriver,
    MediaDriverConfig, Pending, TransportError,
};

use crate::suite::Medium;

pub(crate) struct AeronMedium {
    client: AeronClient,
    driver: Option<MediaDriver>,
    _dir: TempDir,
}

impl AeronMedium {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let driver = MediaDriver::start(MediaDriverConfig::new(dir.path().join("aeron"))).unwrap();
        let client = AeronClient::connect(&ClientConfig::new(driver.dir())).unwrap();
        Self {
            client,
            driver: Some(driver),
            _dir: dir,
        }
    }
}

/// Drives the client until the media driver has answered.
pub(crate) fn added<T>(
    client: &mut AeronClient,
    mut pending: Pending<T>,
) -> Result<T, TransportError> {
    loop {
        client.do_work().unwrap();
        if let Poll::Ready(answer) = pending.poll() {
            return answer;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

impl Medium for AeronMedium {
    type Publication = AeronExclusivePublication;
    type Subscription = AeronSubscription;

    fn publication(&mut self, stream_id: i32) -> AeronExclusivePublication {
        let channel = Channel::ipc().for_publication();
        let pending = self.client.add_exclusive_publication(&channel, stream_id);
        added(&mut self.client, pending.unwrap()).unwrap()
    }

    fn subscription(&mut self, stream_id: i32) -> AeronSubscription {
        let channel = Channel::ipc().for_driver_subscription();
        let pending = self.client.add_subscription(&channel, stream_id);
        added(&mut self.client, pending.unwrap()).unwrap()
    }

    fn turn(&mut self) {
        self.client.do_work().unwrap();
        thread::sleep(Duration::from_millis(1));
    }

    fn end(&mut self) {
        self.driver.take().unwrap().stop().unwrap();
        while self.client.do_work().is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

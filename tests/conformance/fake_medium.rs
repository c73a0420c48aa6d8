//! The fake as a medium of the suite.

use core::time::Duration;

use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

use crate::suite::Medium;

pub(crate) struct FakeMedium {
    net: FakeNet,
}

impl FakeMedium {
    pub(crate) fn start() -> Self {
        Self {
            net: FakeNet::new(1),
        }
    }
}

impl Medium for FakeMedium {
    type Publication = FakePublication;
    type Subscription = FakeSubscription;

    fn publication(&mut self, stream_id: i32) -> FakePublication {
        self.net.publication(stream_id, Owner(1))
    }

    fn subscription(&mut self, stream_id: i32) -> FakeSubscription {
        self.net.tethered_subscription(stream_id, Owner(2))
    }

    fn turn(&mut self) {
        self.net.advance(Duration::from_millis(1));
    }

    fn end(&mut self) {
        self.net.fail();
    }
}

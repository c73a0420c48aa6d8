//! The fake medium as a client uses it. An endpoint is there one duty cycle after it was asked for.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use std::sync::Arc;

use tp_core_nostd::transport::{
    ImageEvent, ImageId, PollError, Publication, SendError, Subscription,
};
use tp_std::Endpoint;
use tp_std::aeron::TransportError;
use tp_std::medium::{Awaited, Medium, Receiver, Sender};
use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

/// See the module.
#[derive(Debug)]
pub(crate) struct TestMedium {
    net: FakeNet,
    owner: Owner,
    /// While it is set, nothing that is asked for comes.
    is_slow: Arc<AtomicBool>,
}

impl TestMedium {
    pub(crate) const fn new(net: FakeNet, owner: Owner, is_slow: Arc<AtomicBool>) -> Self {
        Self {
            net,
            owner,
            is_slow,
        }
    }

    fn later<T: Send + 'static>(&self, endpoint: T) -> Awaited<T> {
        let (mut endpoint, is_slow) = (Some(endpoint), self.is_slow.clone());
        let mut asked = false;
        Box::new(move || {
            let waits = is_slow.load(Ordering::Relaxed) || !core::mem::replace(&mut asked, true);
            match waits {
                true => Poll::Pending,
                false => Poll::Ready(endpoint.take().ok_or(TransportError::Closed)),
            }
        })
    }

    fn checked(endpoint: &Endpoint) -> Result<(), TransportError> {
        match endpoint.stream_id {
            REFUSED => Err(TransportError::Refused {
                channel: endpoint.channel.to_string(),
                stream_id: REFUSED,
                detail: "no such luck".into(),
            }),
            _ => Ok(()),
        }
    }
}

/// Endpoints of this stream are refused.
pub(crate) const REFUSED: i32 = 13;

impl Medium for TestMedium {
    fn do_work(&mut self) -> Result<u32, TransportError> {
        Ok(0)
    }

    fn reconnect(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        Self::checked(endpoint)?;
        let line = self.net.shared_publication(endpoint.stream_id, self.owner);
        Ok(self.later(Box::new(Out(line))))
    }

    fn exclusive_publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        let line = self.net.publication(endpoint.stream_id, self.owner);
        Ok(self.later(Box::new(Out(line))))
    }

    fn subscription(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Receiver>>, TransportError> {
        Self::checked(endpoint)?;
        let line = self.net.subscription(endpoint.stream_id, self.owner);
        Ok(self.later(Box::new(In(line))))
    }
}

#[derive(Debug)]
struct Out(FakePublication);

impl Publication for Out {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.offer(message)
    }

    fn is_connected(&self) -> bool {
        self.0.is_connected()
    }
}

impl Sender for Out {
    fn can_accept(&self, len: usize) -> Result<(), SendError> {
        self.0.can_accept(len)
    }
}

#[derive(Debug)]
struct In(FakeSubscription);

impl Subscription for In {
    fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError> {
        self.0.poll(limit, handler)
    }

    fn image_events(&mut self, handler: &mut dyn FnMut(ImageId, ImageEvent)) {
        self.0.image_events(handler);
    }

    fn image_count(&self) -> usize {
        self.0.image_count()
    }
}

impl Receiver for In {
    fn has_image(&self, _: ImageId) -> bool {
        true
    }
}

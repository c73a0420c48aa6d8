//! The fake medium as the medium of a client. Endpoints take one look before they are there.

use core::task::Poll;

use tp_core_nostd::transport::{
    ImageEvent, ImageId, PollError, Publication, SendError, Subscription,
};
use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

use crate::aeron::TransportError;
use crate::context::Endpoint;
use crate::medium::{Awaited, Medium, Receiver, Sender};

#[derive(Debug)]
pub(in crate::conductor) struct TestMedium {
    pub(in crate::conductor) net: FakeNet,
    pub(in crate::conductor) owner: Owner,
}

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
        let (net, owner, id) = (self.net.clone(), self.owner, endpoint.stream_id);
        Ok(soon(move || -> Box<dyn Sender> {
            Box::new(TestSender(net.shared_publication(id, owner)))
        }))
    }

    fn exclusive_publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        let (net, owner, id) = (self.net.clone(), self.owner, endpoint.stream_id);
        Ok(soon(move || -> Box<dyn Sender> {
            Box::new(TestSender(net.publication(id, owner)))
        }))
    }

    fn subscription(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Receiver>>, TransportError> {
        let (net, owner, id) = (self.net.clone(), self.owner, endpoint.stream_id);
        Ok(soon(move || -> Box<dyn Receiver> {
            Box::new(TestReceiver {
                inner: net.subscription(id, owner),
                images: Vec::new(),
            })
        }))
    }
}

fn soon<T: 'static>(make: impl Fn() -> T + Send + 'static) -> Awaited<T> {
    let mut looks = 0_u32;
    Box::new(move || {
        looks = looks.saturating_add(1);
        match looks {
            1 => Poll::Pending,
            2 => Poll::Ready(Ok(make())),
            _ => panic!("asked again after it was there"),
        }
    })
}

#[derive(Debug)]
struct TestSender(FakePublication);

impl Publication for TestSender {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.offer(message)
    }

    fn is_connected(&self) -> bool {
        self.0.is_connected()
    }
}

impl Sender for TestSender {
    fn can_accept(&self, _: usize) -> Result<(), SendError> {
        Ok(())
    }
}

#[derive(Debug)]
struct TestReceiver {
    inner: FakeSubscription,
    images: Vec<ImageId>,
}

impl Subscription for TestReceiver {
    fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError> {
        self.inner.poll(limit, handler)
    }

    fn image_events(&mut self, handler: &mut dyn FnMut(ImageId, ImageEvent)) {
        let images = &mut self.images;
        self.inner.image_events(&mut |image, event| {
            match event {
                ImageEvent::Available => images.push(image),
                ImageEvent::Unavailable => images.retain(|known| *known != image),
            }
            handler(image, event);
        });
    }

    fn image_count(&self) -> usize {
        self.inner.image_count()
    }
}

impl Receiver for TestReceiver {
    fn has_image(&self, image: ImageId) -> bool {
        self.images.contains(&image)
    }
}

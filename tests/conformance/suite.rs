//! What any transport must do for the protocol to stand on it.

use tp_core_nostd::transport::{
    ImageEvent, ImageId, PollError, Publication, SendError, Subscription,
};

/// A transport under test.
pub(crate) trait Medium {
    /// Its sending end.
    type Publication: Publication;
    /// Its receiving end.
    type Subscription: Subscription;

    /// A publication with an image of its own.
    fn publication(&mut self, stream_id: i32) -> Self::Publication;

    /// A subscription that publishers wait for.
    fn subscription(&mut self, stream_id: i32) -> Self::Subscription;

    /// Lets the medium work for a moment. Thousands of turns make seconds.
    fn turn(&mut self);

    /// Takes the medium away under its endpoints.
    fn end(&mut self);

    /// Turns until something is so.
    fn until(&mut self, what: &str, mut so: impl FnMut() -> bool) {
        for _ in 0..20_000 {
            if so() {
                return;
            }
            self.turn();
        }
        panic!("waited in vain: {what}");
    }

    /// Both ends of a stream, connected.
    fn pair(&mut self, stream_id: i32) -> (Self::Publication, Self::Subscription) {
        let subscription = self.subscription(stream_id);
        let publication = self.publication(stream_id);
        self.until("connected", || {
            publication.is_connected() && subscription.image_count() == 1
        });
        (publication, subscription)
    }

    /// Sends a message as soon as there is room.
    fn send(&mut self, publication: &mut Self::Publication, message: &[u8]) {
        self.until("sent", || match publication.offer(message) {
            Ok(()) => true,
            Err(SendError::BackPressured | SendError::AdminAction) => false,
            Err(error) => panic!("{error:?}"),
        });
    }

    /// Receives `count` messages and makes sure that there are no more.
    fn receive(
        &mut self,
        subscription: &mut Self::Subscription,
        count: usize,
    ) -> Vec<(ImageId, Vec<u8>)> {
        let mut received = Vec::new();
        self.until("received", || {
            drain(subscription, &mut received);
            received.len() >= count
        });
        for _ in 0..20 {
            self.turn();
            drain(subscription, &mut received);
        }
        assert_eq!(received.len(), count);
        received
    }
}

fn drain<S: Subscription>(subscription: &mut S, into: &mut Vec<(ImageId, Vec<u8>)>) {
    let taken = subscription.poll(100, &mut |message, image| {
        into.push((image, message.to_vec()))
    });
    taken.unwrap();
}

fn events<S: Subscription>(subscription: &mut S) -> Vec<(ImageId, ImageEvent)> {
    let mut events = Vec::new();
    subscription.image_events(&mut |image, event| events.push((image, event)));
    events
}

fn numbered(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

fn numbers(received: &[(ImageId, Vec<u8>)]) -> Vec<u32> {
    let number = |message: &Vec<u8>| u32::from_le_bytes(message.as_slice().try_into().unwrap());
    received
        .iter()
        .map(|(_, message)| number(message))
        .collect()
}

pub(crate) fn nobody_listens_is_an_answer<M: Medium>(medium: &mut M) {
    let mut publication = medium.publication(10);
    assert!(!publication.is_connected());
    assert_eq!(publication.offer(b"hello?"), Err(SendError::NotConnected));

    let subscription = medium.subscription(10);
    medium.until("connected", || publication.is_connected());
    assert_eq!(publication.offer(b"hello!"), Ok(()));
    drop(subscription);
    medium.until("alone again", || !publication.is_connected());
    assert_eq!(publication.offer(b"hello?"), Err(SendError::NotConnected));
}

// req: C-022
pub(crate) fn every_subscription_gets_every_message_in_order<M: Medium>(medium: &mut M) {
    let mut first = medium.subscription(10);
    let mut second = medium.subscription(10);
    let mut other_stream = medium.subscription(11);
    let mut publication = medium.publication(10);
    medium.until("connected", || {
        first.image_count() == 1 && second.image_count() == 1
    });
    for number in 0..1000 {
        medium.send(&mut publication, &numbered(number));
    }
    let expected: Vec<u32> = (0..1000).collect();
    assert_eq!(numbers(&medium.receive(&mut first, 1000)), expected);
    assert_eq!(numbers(&medium.receive(&mut second, 1000)), expected);
    assert_eq!(medium.receive(&mut other_stream, 0), []);
}

pub(crate) fn messages_of_two_publications_keep_their_images<M: Medium>(medium: &mut M) {
    let mut subscription = medium.subscription(10);
    let mut even = medium.publication(10);
    let mut odd = medium.publication(10);
    medium.until("connected", || subscription.image_count() == 2);
    for number in (0..500).step_by(2) {
        medium.send(&mut even, &numbered(number));
        medium.send(&mut odd, &numbered(number + 1));
    }
    let received = medium.receive(&mut subscription, 500);
    let image_of_even = received
        .iter()
        .find(|(_, message)| *message == numbered(0))
        .map(|(image, _)| *image);
    let (even, odd): (Vec<_>, Vec<_>) = received
        .into_iter()
        .partition(|(image, _)| Some(*image) == image_of_even);
    assert_eq!(numbers(&even), (0..500).step_by(2).collect::<Vec<u32>>());
    assert_eq!(numbers(&odd), (1..500).step_by(2).collect::<Vec<u32>>());
    assert!(odd.iter().all(|(image, _)| *image == odd[0].0));
}

// req: C-022, D-033, T-49
pub(crate) fn messages_longer_than_a_frame_arrive_whole<M: Medium>(medium: &mut M) {
    let (mut publication, mut subscription) = medium.pair(10);
    let lengths = [0, 1, 31, 1375, 1376, 1377, 1408, 5000, 65_536, 300_000, 7];
    let pattern =
        |length: usize| -> Vec<u8> { (0..length).map(|i| (i * 7 + length) as u8).collect() };
    for length in lengths {
        medium.send(&mut publication, &pattern(length));
    }
    let received = medium.receive(&mut subscription, lengths.len());
    for ((_, message), length) in received.into_iter().zip(lengths) {
        assert!(message == pattern(length), "message of {length} bytes");
    }
}

pub(crate) fn a_message_too_long_is_refused_with_both_lengths<M: Medium>(medium: &mut M) {
    let (mut publication, mut subscription) = medium.pair(10);
    let len = 32 << 20;
    let Err(SendError::TooLong { len: told, max }) = publication.offer(&vec![0; len]) else {
        panic!("32 MiB are too much for anybody");
    };
    assert_eq!(told, len);
    let longest = vec![7; max];
    medium.send(&mut publication, &longest);
    assert!(medium.receive(&mut subscription, 1)[0].1 == longest);
    let one_more = publication.offer(&vec![7; max + 1]);
    assert_eq!(one_more, Err(SendError::TooLong { len: max + 1, max }));
}

pub(crate) fn poll_hands_out_no_more_than_its_limit<M: Medium>(medium: &mut M) {
    let (mut publication, mut subscription) = medium.pair(10);
    for number in 0..10 {
        medium.send(&mut publication, &numbered(number));
    }
    let mut seen = 0;
    medium.until("all were polled", || {
        let mut handed = 0;
        let counted = subscription.poll(3, &mut |_, _| handed += 1).unwrap();
        assert!(handed <= 3);
        assert_eq!(counted, handed);
        seen += handed;
        seen == 10
    });
    assert_eq!(subscription.poll(0, &mut |_, _| panic!("limit 0")), Ok(0));
}

pub(crate) fn an_image_comes_and_goes_once<M: Medium>(medium: &mut M) {
    let mut subscription = medium.subscription(10);
    assert_eq!(events(&mut subscription), []);
    let mut publication = medium.publication(10);
    medium.until("an image", || subscription.image_count() == 1);
    let came = events(&mut subscription);
    assert!(matches!(came[..], [(_, ImageEvent::Available)]), "{came:?}");
    assert_eq!(events(&mut subscription), []);

    medium.send(&mut publication, b"last words");
    drop(publication);
    let received = medium.receive(&mut subscription, 1);
    assert_eq!(received, [(came[0].0, b"last words".to_vec())]);
    medium.until("no image", || subscription.image_count() == 0);
    assert_eq!(
        events(&mut subscription),
        [(came[0].0, ImageEvent::Unavailable)]
    );
    assert_eq!(events(&mut subscription), []);
}

pub(crate) fn images_are_never_mistaken_for_each_other<M: Medium>(medium: &mut M) {
    let mut subscription = medium.subscription(10);
    let mut seen: Vec<ImageId> = Vec::new();
    for _ in 0..3 {
        let publication = medium.publication(10);
        medium.until("an image", || subscription.image_count() == 1);
        let [.., (image, ImageEvent::Available)] = events(&mut subscription)[..] else {
            panic!("no event");
        };
        assert!(!seen.contains(&image));
        seen.push(image);
        drop(publication);
        medium.until("no image", || {
            let _ = subscription.poll(1, &mut |_, _| ());
            subscription.image_count() == 0
        });
    }
}

// req: I-01
pub(crate) fn a_full_publication_refuses_and_loses_nothing<M: Medium>(medium: &mut M) {
    let (mut publication, mut subscription) = medium.pair(10);
    let mut sent = 0;
    let message = |number: u32| {
        let mut bytes = vec![0; 1000];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    loop {
        match publication.offer(&message(sent)) {
            Ok(()) => sent += 1,
            Err(SendError::AdminAction) => (),
            Err(error) => {
                assert_eq!(error, SendError::BackPressured);
                break;
            }
        }
        assert!(sent < 100_000, "a window of less than 100 MB");
    }
    assert!(publication.is_connected());

    let received = medium.receive(&mut subscription, sent as usize);
    for (expected, (_, bytes)) in (0..sent).zip(&received) {
        assert!(*bytes == message(expected), "message {expected}");
    }
    medium.send(&mut publication, &message(sent));
    assert_eq!(medium.receive(&mut subscription, 1)[0].1, message(sent));
}

// req: C-158
pub(crate) fn after_the_end_everything_is_closed<M: Medium>(medium: &mut M) {
    let (mut publication, mut subscription) = medium.pair(10);
    let [(image, ImageEvent::Available)] = events(&mut subscription)[..] else {
        panic!("no image");
    };
    medium.end();
    assert_eq!(publication.offer(b"x"), Err(SendError::Closed));
    assert!(!publication.is_connected());
    assert_eq!(
        subscription.poll(1, &mut |_, _| panic!("nothing to hand out")),
        Err(PollError::Closed)
    );
    assert_eq!(
        events(&mut subscription),
        [(image, ImageEvent::Unavailable)]
    );
    assert_eq!(subscription.image_count(), 0);
}

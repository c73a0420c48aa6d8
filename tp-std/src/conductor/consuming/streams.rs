//! The streams a consumer reads by: the shared one or its own, as ordered, and what it says of itself meanwhile.

use tp_core_nostd::proto::fallback;
use tp_core_nostd::proto::mapping::Input;
use tp_core_nostd::proto::private_stream;
use tp_core_nostd::proto::qos::ConsumerFigures;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::{self, ConsumerConfigView};

use super::Consuming;
use super::own_stream::SharedStream;
use crate::conductor::connection::{Adding, Connection};
use crate::conductor::role::Post;
use crate::consumer::Side;

impl Consuming {
    /// Orders of whoever answers hellos (C-110).
    pub(super) fn ordered(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        view: ConsumerConfigView<'_>,
    ) {
        let Ok(ordered) = control::ConsumerConfig::try_from(view) else {
            return;
        };
        let addressee = (self.config.stream, post.session.client());
        if (ordered.stream_id, ordered.consumer_id) != addressee {
            return;
        }
        self.mode = ordered.mode;
        if self.fallback.handle(fallback::Input::Config(&ordered)) {
            self.input(post, now, Input::Forbidden);
        }
        self.board.status.set_fallback_uri(self.fallback.uri());
        let descriptors = private_stream::Input::Config(ordered.descriptor);
        let shared = self.descriptors.handle(now, &self.board, descriptors);
        self.follow(post, now, shared);
        let control = private_stream::Input::Config(ordered.control);
        let shared = self.control.handle(now, &self.board, control);
        self.follow(post, now, shared);
    }

    pub(super) fn follow(&mut self, post: &mut Post<Self>, now: Instant, shared: SharedStream) {
        match shared {
            SharedStream::Stays => {}
            SharedStream::Wanted => post.adding = Adding::Wanted,
            SharedStream::StartOver => self.start_over(post, now),
        }
    }

    /// Every stream is given up; the shared one comes anew.
    pub(super) fn start_over(&mut self, post: &mut Post<Self>, now: Instant) {
        self.descriptors.forget(now);
        self.control.forget(now);
        self.board.start_over();
        post.adding = Adding::Wanted;
    }

    /// A stream got or lost its publisher.
    pub(super) fn noted(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        side: Side,
        is_there: bool,
    ) {
        let input = match is_there {
            true => private_stream::Input::Connected,
            false => private_stream::Input::Lost,
        };
        let shared = match (side, is_there) {
            (Side::Control, _) => self.control.handle(now, &self.board, input),
            (Side::Private, _) => self.descriptors.handle(now, &self.board, input),
            // Found again where it is returned to; there the news is of the other stream.
            (Side::Shared, true) if self.descriptors.is_returning() => {
                self.descriptors.handle(now, &self.board, input)
            }
            // Or left already.
            (Side::Shared, _) if is_there || self.descriptors.is_private() => SharedStream::Stays,
            // The image was taken away from us, or its publisher went: a new subscription finds the next one.
            (Side::Shared, _) => SharedStream::Wanted,
        };
        self.follow(post, now, shared);
    }

    /// What is said of us, and which streams are ours.
    pub(super) fn tend_streams(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        connection: &mut Connection,
    ) -> u32 {
        let mut work = 0_u32;
        let consumer = post.session.client();
        if self
            .presence
            .say_hello(now, consumer, &self.config, connection)
        {
            work = work.saturating_add(1);
            let wish = self.config.wish();
            let asked = [wish.descriptor.is_some(), wish.control.is_some()];
            let streams = [&mut self.descriptors, &mut self.control];
            for (stream, asks) in streams.into_iter().zip(asked) {
                // At most it has one added, which is nothing to the shared stream.
                let input = private_stream::Input::HelloSent { asks };
                let _ = stream.handle(now, &self.board, input);
            }
        }
        let medium = connection.medium();
        let shared = self.descriptors.tend(now, &self.board, medium);
        let of_control = self.control.tend(now, &self.board, medium);
        self.follow(post, now, shared);
        self.follow(post, now, of_control);
        if !self.board.is_settled() {
            post.link.cell.notify();
        }
        let (counters, epoch, mode) = (&self.board.counters, self.machine.mapped(), self.mode);
        let figures = || ConsumerFigures {
            epoch,
            last_seq: counters.last_seq(),
            drops_gap: counters.gap_drops(),
            drops_late: counters.late_drops(),
            mode,
        };
        connection.listen_to_qos();
        if self.config.wish().progress.is_some() || self.config.expected().is_some() {
            connection.listen_to_metadata();
        }
        let reported = self
            .presence
            .report(now, consumer, &self.config, figures, connection);
        work.saturating_add(reported.into())
    }
}

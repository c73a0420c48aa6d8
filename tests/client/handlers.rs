//! Handlers of the application.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use tp_core_nostd::ids::{CorrelationId, Epoch, LeaseId, StreamId};
use tp_core_nostd::proto::metadata::MetaEvent;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::Text;
use tp_core_nostd::wire::control::{
    Attribute, Attributes, ControlResponse, DataSourceMeta, FrameDescriptor, FrameProgress,
    MetaBlobComplete, QosConsumer, QosProducer,
};
use tp_core_nostd::wire::driver::{
    LeaseRevokeReason, Refusal, RefusalCode, Role, ShmAttachResponse, ShmDetachResponse,
    ShmDriverShutdown, ShmLeaseRevoked, ShutdownReason,
};
use tp_core_nostd::wire::enums::{FrameProgressState, Mode, ResponseCode};
use tp_std::handlers::{
    ControlHandler, DescriptorHandler, DriverHandler, LeaseChange, LeaseNews, MetadataHandler,
    ProgressHandler, QosHandler,
};
use tp_std::log::Level;
use tp_std::{
    CONTROL_STREAM, ConsumerConfig, DESCRIPTOR_STREAM, Error, METADATA_STREAM, QOS_STREAM,
};

use crate::rig::{Rig, SOMEBODY, STREAM, Voice};

/// What handlers write into; clones are the same diary.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.lines().push(line.into());
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap()
    }

    pub(crate) fn take(&self) -> Vec<String> {
        core::mem::take(&mut *self.lines())
    }
}

/// Writes down what it hears, under its name.
pub(crate) struct Scribe(pub(crate) &'static str, pub(crate) Diary);

impl QosHandler for Scribe {
    fn on_producer(&mut self, report: &QosProducer) {
        self.1
            .note(format!("{} {}", self.0, report.current_seq.get()));
    }

    fn on_consumer(&mut self, report: &QosConsumer) {
        self.1
            .note(format!("{} late {}", self.0, report.drops_late));
    }
}

impl ControlHandler for Scribe {
    fn on_control_response(&mut self, response: &ControlResponse<'_>) {
        self.1
            .note(format!("{} answer {}", self.0, response.correlation_id));
    }
}

impl ProgressHandler for Scribe {
    fn on_progress(&mut self, progress: &FrameProgress) {
        self.1.note(format!(
            "{} {} bytes",
            self.0, progress.payload_bytes_filled
        ));
    }
}

impl DescriptorHandler for Scribe {
    fn on_descriptor(&mut self, descriptor: &FrameDescriptor) {
        let FrameDescriptor { stream_id, seq, .. } = descriptor;
        self.1.note(format!("{} {stream_id} frame {seq}", self.0));
    }
}

pub(crate) fn descriptor(stream_id: StreamId, seq: u64) -> FrameDescriptor {
    FrameDescriptor {
        stream_id,
        epoch: Epoch::new(1).unwrap(),
        seq: Seq::new(seq).unwrap(),
        timestamp_ns: None,
        meta_version: None,
        trace_id: None,
    }
}

impl DriverHandler for Scribe {
    fn on_lease(&mut self, news: &LeaseNews) {
        assert_eq!((news.stream, news.role), (STREAM, Role::Consumer));
        let what = match &news.change {
            LeaseChange::Refused { code, text, .. } => format!("refused {code:?} {text}"),
            other => format!("{other:?}"),
        };
        self.1.note(format!("{} {what}", self.0));
    }

    fn on_revoked(&mut self, revoked: &ShmLeaseRevoked<'_>) {
        self.1
            .note(format!("{} revoked {}", self.0, revoked.lease_id));
    }

    fn on_detach_response(&mut self, response: &ShmDetachResponse<'_>) {
        self.1
            .note(format!("{} detached {}", self.0, response.correlation_id));
    }

    fn on_shutdown(&mut self, shutdown: &ShmDriverShutdown<'_>) {
        self.1
            .note(format!("{} shutdown {:?}", self.0, shutdown.reason));
    }
}

impl MetadataHandler for Scribe {
    fn on_meta(&mut self, event: &MetaEvent<'_>) {
        self.1.note(match event {
            MetaEvent::Begin {
                meta_version,
                count,
                ..
            } => format!("begin {meta_version}: {count}"),
            MetaEvent::Attribute { attribute, .. } => format!("{}", attribute.key),
            MetaEvent::End => "end".to_owned(),
        });
    }

    fn on_blob_complete(&mut self, complete: &MetaBlobComplete) {
        self.1.note(format!("blob {}", complete.meta_version));
    }
}

fn answer(voice: &mut Voice, number: i64) {
    let response = ControlResponse {
        correlation_id: CorrelationId(number),
        code: ResponseCode::Ok,
        error_message: None,
    };
    voice.say(|out| response.encode(out));
}

fn revoked(lease: u64) -> ShmLeaseRevoked<'static> {
    ShmLeaseRevoked {
        timestamp_ns: 1,
        lease_id: LeaseId::new(lease).unwrap(),
        stream_id: STREAM,
        client_id: SOMEBODY,
        role: Role::Producer,
        reason: LeaseRevokeReason::Revoked,
        error_message: None,
    }
}

#[test] // req: C-118
fn every_handler_hears_every_message() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let _one = rig.client.on_qos(Scribe("one", diary.clone())).unwrap();
    let _two = rig.client.on_qos(Scribe("two", diary.clone())).unwrap();
    let _control = rig
        .client
        .on_control(Scribe("control", diary.clone()))
        .unwrap();
    let _progress = rig
        .client
        .on_progress(Scribe("progress", diary.clone()))
        .unwrap();
    rig.cycles(3);
    let mut voice = rig.voice(QOS_STREAM);
    voice.report(1);
    voice.report(2);
    let late = QosConsumer {
        stream_id: STREAM,
        consumer_id: SOMEBODY,
        epoch: Epoch::new(1),
        last_seq_seen: Seq::new(3).unwrap(),
        drops_gap: 4,
        drops_late: 5,
        mode: Mode::Stream,
    };
    voice.say(|out| late.encode(out));
    rig.cycle();
    let heard = [
        "one 1",
        "two 1",
        "one 2",
        "two 2",
        "one late 5",
        "two late 5",
    ];
    assert_eq!(diary.take(), heard);

    let mut voice = rig.voice(CONTROL_STREAM);
    answer(&mut voice, 9);
    let progress = FrameProgress {
        stream_id: STREAM,
        epoch: Epoch::new(1).unwrap(),
        seq: Seq::new(0).unwrap(),
        payload_bytes_filled: 64,
        state: FrameProgressState::Progress,
    };
    voice.say(|out| progress.encode(out));
    rig.cycle();
    assert_eq!(diary.take(), ["control answer 9", "progress 64 bytes"]);
}

#[test] // req: C-118
fn descriptors_of_all_streams_are_heard_where_somebody_listens() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let _handler = rig
        .client
        .on_descriptors(Scribe("-", diary.clone()))
        .unwrap();
    rig.cycles(3);
    let mut voice = rig.voice(DESCRIPTOR_STREAM);
    for stream_id in [STREAM, StreamId::new(10_001).unwrap()] {
        voice.say(|out| descriptor(stream_id, 5).encode(out));
    }
    rig.cycle();
    assert_eq!(diary.take(), ["- 10000 frame 5", "- 10001 frame 5"]);
}

/// Says on which thread it was dropped.
struct Marked(Scribe, Arc<Mutex<Option<ThreadId>>>);

impl QosHandler for Marked {
    fn on_producer(&mut self, report: &QosProducer) {
        self.0.on_producer(report);
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        *self.1.lock().unwrap() = Some(thread::current().id());
    }
}

#[test] // req: C-150
fn a_handler_is_replaced_between_two_messages_and_dropped_where_it_was_called() {
    let mut rig = Rig::new();
    let (diary, dropped_on) = (Diary::default(), Arc::default());
    let first = Marked(Scribe("first", diary.clone()), Arc::clone(&dropped_on));
    let registration = Arc::new(rig.client.on_qos(first).unwrap());
    rig.cycles(3);
    let mut voice = rig.voice(QOS_STREAM);
    voice.report(1);
    rig.cycle();
    let replacing = {
        let (registration, diary) = (registration.clone(), diary.clone());
        thread::spawn(move || registration.replace(Scribe("second", diary)))
    };
    replacing.join().unwrap().unwrap();
    assert!(
        dropped_on.lock().unwrap().is_none(),
        "dropped by whoever replaced it"
    );
    let again = registration.replace(Scribe("third", diary.clone()));
    assert_eq!(again, Err(Error::QueueFull));
    voice.report(2);
    rig.cycle();
    assert_eq!(*dropped_on.lock().unwrap(), Some(thread::current().id()));
    assert_eq!(diary.take(), ["first 1", "second 2"]);

    drop(registration);
    voice.report(3);
    rig.cycles(2);
    assert!(diary.take().is_empty(), "it was taken out");
}

#[test] // req: C-045
fn driver_events_of_one_duty_cycle_are_all_told_in_their_order() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let _handler = rig.client.on_driver(Scribe("-", diary.clone())).unwrap();
    let _wanted = rig.client.consumer(ConsumerConfig::new(STREAM)).unwrap();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    rig.cycles(3);
    let asked = ear.attaches();
    let refusal = ShmAttachResponse {
        correlation_id: asked[0].correlation_id,
        outcome: Err(Refusal::new(RefusalCode::Rejected, "not you")),
    };
    let detached = ShmDetachResponse {
        correlation_id: CorrelationId(5),
        outcome: Ok(()),
    };
    let shutdown = ShmDriverShutdown {
        timestamp_ns: 1,
        reason: ShutdownReason::Admin,
        error_message: None,
    };
    voice.say(|out| revoked(1).encode(out));
    voice.say(|out| refusal.encode(out));
    voice.say(|out| revoked(2).encode(out));
    voice.say(|out| detached.encode(out));
    voice.say(|out| shutdown.encode(out));
    rig.cycle();
    let told = [
        "- revoked 1",
        "- refused Rejected not you",
        "- revoked 2",
        "- detached 5",
        "- shutdown Admin",
    ];
    assert_eq!(diary.take(), told);
}

#[test] // req: C-120
fn metadata_comes_step_by_step_and_only_whole() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let _handler = rig.client.on_metadata(Scribe("-", diary.clone())).unwrap();
    rig.cycles(3);
    let attributes = ["gain", "serial"].map(|key| Attribute {
        key: Text(key.as_bytes()),
        format: Text(b"text/plain"),
        value: b"1",
    });
    let meta = DataSourceMeta {
        stream_id: STREAM,
        meta_version: 3,
        timestamp_ns: 1,
        attributes: Attributes::listed(&attributes),
    };
    let mut bytes = [0; 256];
    let length = meta.encode(&mut bytes).unwrap();
    let mut voice = rig.voice(METADATA_STREAM);
    voice.bytes(&bytes[..length - 1]);
    rig.cycle();
    assert!(
        diary.take().is_empty(),
        "cut off behind the first attribute"
    );
    voice.bytes(&bytes[..length]);
    let complete = MetaBlobComplete {
        stream_id: STREAM,
        meta_version: 3,
        checksum: 0,
    };
    voice.say(|out| complete.encode(out));
    rig.cycle();
    assert_eq!(
        diary.take(),
        ["begin 3: 2", "gain", "serial", "end", "blob 3"]
    );
}

#[test] // req: C-151, C-140
fn what_does_not_fit_is_counted_said_once_and_told_to_nobody() {
    let lines = Diary::default();
    let said = lines.clone();
    let mut rig = Rig::with(|context| {
        context.with_log_handler(move |level, line| {
            if level == Level::Warn {
                said.note(line);
            }
        })
    });
    let diary = Diary::default();
    let _handler = rig.client.on_qos(Scribe("-", diary.clone())).unwrap();
    rig.cycles(3);
    let mut voice = rig.voice(QOS_STREAM);
    let mut bytes = [0; 64];
    let length = crate::rig::report(1).encode(&mut bytes).unwrap();
    for _ in 0..1500 {
        voice.bytes(&bytes[..length - 1]);
        rig.cycle();
    }
    voice.report(2);
    rig.cycle();
    assert_eq!(diary.take(), ["- 2"]);
    assert_eq!(rig.client.malformed_messages(), 1500);
    let said = lines.take();
    assert_eq!(
        said.len(),
        2,
        "once a second, and 1.5 of them passed: {said:?}"
    );
    assert!(
        said[0].contains("count=1") && said[1].contains("count=1000"),
        "{said:?}"
    );
}

#[test] // req: C-151
fn what_fits_and_makes_no_sense_is_counted_and_told_to_nobody() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let _handler = rig.client.on_qos(Scribe("-", diary.clone())).unwrap();
    rig.cycles(3);
    let mut voice = rig.voice(QOS_STREAM);
    voice.bytes(&senseless());
    rig.cycle();
    assert_eq!(diary.take(), [""; 0]);
    assert_eq!(rig.client.malformed_messages(), 1);
}

/// A report on stream 0, of which there is none.
pub(crate) fn senseless() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let length = crate::rig::report(1).encode(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes[8..12].fill(0);
    bytes
}

/// Does what callbacks must not do, and what they may.
struct Impatient(tp_std::Client, Diary);

impl QosHandler for Impatient {
    fn on_producer(&mut self, _: &QosProducer) {
        let pending = self.0.consumer(ConsumerConfig::new(STREAM)).unwrap();
        let waited = pending.wait(core::time::Duration::from_secs(3600));
        self.1.note(format!("{:?}", waited.map(drop)));
        let added = self.0.on_qos(Scribe("later", self.1.clone())).unwrap();
        // Kept for ever.
        core::mem::forget(added);
    }
}

#[test] // req: C-148
fn a_callback_may_ask_but_not_wait() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let handler = Impatient(rig.client.clone(), diary.clone());
    let impatient = rig.client.on_qos(handler).unwrap();
    rig.cycles(3);
    let mut voice = rig.voice(QOS_STREAM);
    voice.report(1);
    rig.cycle();
    assert_eq!(diary.take(), ["Err(InCallback)"]);
    drop(impatient);
    rig.cycle();
    voice.report(2);
    rig.cycle();
    assert_eq!(diary.take(), ["later 2"]);
}

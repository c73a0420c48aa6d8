//! What the types refuse (client 1.10). Each misuse stands beside the proper use it differs from by one thing, so that it
//! cannot fail to compile for another reason.
//!
//! A claim is committed once (C-061):
//!
//! ```no_run
//! # use tp_std::*; use tp_core_nostd::shm::TensorHeader;
//! fn publish(producer: &mut Producer, claim: Claim, other: Claim, tensor: &TensorHeader) {
//!     let _ = producer.commit(claim, tensor, CommitMeta::default());
//!     let _ = producer.commit(other, tensor, CommitMeta::default());
//! }
//! ```
//! ```compile_fail,E0382
//! # use tp_std::*; use tp_core_nostd::shm::TensorHeader;
//! fn publish(producer: &mut Producer, claim: Claim, other: Claim, tensor: &TensorHeader) {
//!     let _ = producer.commit(claim, tensor, CommitMeta::default());
//!     let _ = producer.commit(claim, tensor, CommitMeta::default());
//! }
//! ```
//!
//! An aborted claim cannot be written any more:
//!
//! ```no_run
//! # use tp_std::*;
//! fn abort(producer: &mut Producer, mut claim: Claim) {
//!     claim.bytes().fill(0);
//!     producer.abort(claim);
//! }
//! ```
//! ```compile_fail,E0382
//! # use tp_std::*;
//! fn abort(producer: &mut Producer, mut claim: Claim) {
//!     producer.abort(claim);
//!     claim.bytes().fill(0);
//! }
//! ```
//!
//! Slots are queued in fixed-pool mode only (C-066):
//!
//! ```no_run
//! # use tp_std::*;
//! fn again(producer: &mut Producer<FixedPool>, slot: Slot<Filled>) {
//!     let _ = producer.queue(slot);
//! }
//! ```
//! ```compile_fail,E0599
//! # use tp_std::*;
//! fn again(producer: &mut Producer<Streaming>, slot: Slot<Filled>) {
//!     let _ = producer.queue(slot);
//! }
//! ```
//!
//! Progress is told of what is being filled, not of what is published (C-072):
//!
//! ```no_run
//! # use tp_std::*;
//! fn tell(producer: &mut Producer<FixedPool>, slot: &mut Slot<Queued>) {
//!     let _ = producer.offer_progress(slot, 1);
//! }
//! ```
//! ```compile_fail,E0308
//! # use tp_std::*;
//! fn tell(producer: &mut Producer<FixedPool>, slot: &mut Slot<Filled>) {
//!     let _ = producer.offer_progress(slot, 1);
//! }
//! ```
//!
//! Frames are offered and claimed in streaming mode only (C-069):
//!
//! ```no_run
//! # use tp_std::*;
//! fn claim(producer: &mut Producer<Streaming>) {
//!     let _ = producer.try_claim(1);
//! }
//! ```
//! ```compile_fail,E0599
//! # use tp_std::*;
//! fn claim(producer: &mut Producer<FixedPool>) {
//!     let _ = producer.try_claim(1);
//! }
//! ```
//!
//! A published buffer is not written, it is queued first:
//!
//! ```no_run
//! # use tp_std::*;
//! fn fill(slot: &mut Slot<Queued>) {
//!     slot.bytes().fill(0);
//! }
//! ```
//! ```compile_fail,E0599
//! # use tp_std::*;
//! fn fill(slot: &mut Slot<Filled>) {
//!     slot.bytes().fill(0);
//! }
//! ```
//!
//! A frame is not kept beyond its handler (C-105, C-109):
//!
//! ```no_run
//! # use tp_std::*;
//! fn poll(consumer: &mut Consumer) {
//!     let mut kept = None;
//!     let _ = consumer.poll(1, |_, reader| kept = reader.read().ok().map(|frame| frame.seq()));
//! }
//! ```
//! ```compile_fail,E0521
//! # // req: C-105, C-109, C-207
//! # use tp_std::*;
//! fn poll(consumer: &mut Consumer) {
//!     let mut kept = None;
//!     let _ = consumer.poll(1, |_, reader| kept = reader.read().ok());
//! }
//! ```
//!
//! A frame that was asked for is not kept beyond the next call (C-105):
//!
//! ```no_run
//! # use tp_std::*;
//! fn look(consumer: &mut Consumer) {
//!     let newest = consumer.latest().map(|frame| frame.seq());
//!     let _ = consumer.poll(1, |_, _| ());
//!     drop(newest);
//! }
//! ```
//! ```compile_fail,E0499
//! # // req: C-105
//! # use tp_std::*;
//! fn look(consumer: &mut Consumer) {
//!     let newest = consumer.latest();
//!     let _ = consumer.poll(1, |_, _| ());
//!     drop(newest);
//! }
//! ```
//!
//! Its elements are not kept beyond the frame (C-107, C-109):
//!
//! ```no_run
//! # use tp_std::*;
//! fn first(frame: FrameView<'_>) -> Option<u16> {
//!     frame.elements().ok()?.get(&[0]).ok()?
//! }
//! ```
//! ```compile_fail,E0515
//! # // req: C-107, C-109
//! # use tp_std::*;
//! fn first(frame: FrameView<'_>) -> Option<TypedView<'_, u16>> {
//!     frame.elements().ok()
//! }
//! ```
//!
//! A descriptor's frame is read once:
//!
//! ```no_run
//! # use tp_std::*;
//! fn poll(consumer: &mut Consumer) {
//!     let _ = consumer.poll(1, |_, reader| {
//!         let _ = reader.read();
//!     });
//! }
//! ```
//! ```compile_fail,E0382
//! # use tp_std::*;
//! fn poll(consumer: &mut Consumer) {
//!     let _ = consumer.poll(1, |_, reader| {
//!         let _ = reader.read();
//!         let _ = reader.read();
//!     });
//! }
//! ```
//!
//! A conductor has one owner (C-142): it goes to another thread, and is not shared with one:
//!
//! ```no_run
//! # use tp_std::*;
//! fn drive(mut conductor: Conductor) {
//!     std::thread::spawn(move || conductor.do_work());
//! }
//! ```
//! ```compile_fail,E0277
//! # use tp_std::*;
//! fn drive(conductor: &'static Conductor) {
//!     std::thread::spawn(move || conductor);
//! }
//! ```
//!
//! A role is one thread's at a time:
//!
//! ```no_run
//! # use tp_std::*;
//! fn produce(mut producer: Producer) {
//!     std::thread::spawn(move || producer.epoch());
//! }
//! ```
//! ```compile_fail,E0596
//! # use tp_std::*;
//! fn produce(producer: std::sync::Arc<Producer>) {
//!     std::thread::spawn(move || producer.epoch());
//! }
//! ```

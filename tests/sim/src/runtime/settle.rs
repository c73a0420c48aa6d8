//! How things have to stand in the end, when everybody had the time to get over what happened.

use tp_core_nostd::ids::{Epoch, StreamId};

use super::hearing::Heard;
use super::process::Process;
use super::world::World;
use crate::invariants::Violation;

impl World<'_> {
    /// Everybody has to be where they want to be, and to have read what there is.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        for stream in self.plan.streams.iter().copied().chain(self.plan.direct) {
            let epoch = self.epochs.get(&stream).copied();
            if let Some(detail) = self.astray(stream, epoch).into_iter().next() {
                self.ledger.broken("everybody_settles", detail);
            }
            self.catch_up(stream, epoch);
            if let Some(epoch) = epoch {
                self.listen(stream, epoch);
            }
        }
        self.count_blobs();
        self.ledger.verdict()
    }

    /// Who is not where they want to be.
    fn astray(&mut self, stream: StreamId, epoch: Option<Epoch>) -> Vec<String> {
        let mut astray = Vec::new();
        let (mut writers, mut wanted) = (0, false);
        for (at, process) in self.processes.iter_mut().enumerate() {
            let Some(process) = process else {
                astray.push(format!("client {at} is gone"));
                continue;
            };
            let cameras = process.cameras.iter_mut();
            for camera in cameras.filter(|camera| camera.wish.stream == stream) {
                wanted = true;
                writers += u32::from(camera.epoch().is_some() && camera.epoch() == epoch);
            }
            let viewers = process.viewers.iter_mut();
            for viewer in viewers.filter(|viewer| viewer.wish.stream == stream) {
                let theirs = viewer.epoch();
                if theirs != epoch {
                    astray.push(format!(
                        "client {at} reads {theirs:?}, {stream} is in {epoch:?}"
                    ));
                }
            }
        }
        if writers != u32::from(wanted) {
            astray.push(format!("{writers} cameras write {stream}"));
        }
        astray
    }

    /// Nothing was written for a while, so there is no tail but of frames that were given up.
    fn catch_up(&mut self, stream: StreamId, epoch: Option<Epoch>) {
        let newest = epoch.and_then(|epoch| self.ledger.newest(stream, epoch));
        for (at, process) in self.processes.iter().enumerate() {
            let Some(Process {
                viewers, hearing, ..
            }) = process
            else {
                continue;
            };
            for viewer in viewers.iter().filter(|viewer| viewer.wish.stream == stream) {
                let last = viewer.last_seq();
                if last != newest {
                    let detail =
                        format!("client {at} is at {last:?} of {stream}, {newest:?} is there");
                    self.ledger.broken("everybody_catches_up", detail);
                }
                let told = epoch.and_then(|epoch| hearing.look(|heard| heard.told(stream, epoch)));
                viewer.balance(told.as_ref(), &mut self.ledger);
            }
        }
    }

    /// Everybody knows what the source said last.
    fn listen(&mut self, stream: StreamId, epoch: Epoch) {
        let cameras = self.processes.iter_mut().flatten();
        let mut cameras = cameras.flat_map(|process| &mut process.cameras);
        let said = cameras.find_map(|camera| {
            let writes = camera.wish.stream == stream && camera.epoch() == Some(epoch);
            camera.said().filter(|_| writes)
        });
        let Some(said) = said else { return };
        for (at, process) in self.processes.iter().enumerate() {
            let Some(process) = process else { continue };
            let heard = process.hearing.look(|heard| heard.source(stream).cloned());
            if heard.as_ref() != Some(&said) {
                let detail =
                    format!("client {at} heard {heard:?} of {stream}, which said {said:?}");
                self.ledger.broken("what_is_said_last_is_heard", detail);
            }
        }
    }

    /// Of each blob that was announced to somebody it is known what became of it, and the last ones are whole.
    fn count_blobs(&mut self) {
        for (at, process) in self.processes.iter().enumerate() {
            let Some(process) = process else { continue };
            let (announced, known) = process.hearing.look(Heard::blobs);
            let mut wrong = Vec::new();
            if announced != known {
                wrong.push(format!(
                    "client {at} heard of {announced} blobs, and knows what became of {known}"
                ));
            }
            for (stream, kind) in self.ledger.blobs_for_all() {
                if !process.hearing.look(|heard| heard.has_blob(stream, kind)) {
                    wrong.push(format!("client {at} does not have blob {kind} of {stream}"));
                }
            }
            for detail in wrong {
                self.ledger.broken("blobs_are_whole_or_counted", detail);
            }
        }
    }
}

//! What `tp inspect` prints.

use core::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tp_core_nostd::shm::{LAYOUT_VERSION, MAGIC, RegionKind, Superblock};
use tp_core_nostd::time::Clock;
use tp_std::clock::MonotonicClock;

use super::region::Slot;
use crate::commands::output::span;
use crate::tensor::{dtype_name, shape_text};

/// A region as its superblock and slots describe it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) path: PathBuf,
    pub(super) file_len: u64,
    pub(super) superblock: Superblock,
    /// Of header rings only.
    pub(super) slots: Option<Vec<Slot>>,
}

impl Report {
    /// One object, with the field names of client 3.1.
    pub(super) fn json(&self) -> Value {
        let shape = &self.superblock.shape;
        let (region_type, pool_id, stride) = match shape.kind {
            RegionKind::HeaderRing => ("header_ring", 0, 0),
            RegionKind::PayloadPool { pool_id, stride } => {
                ("payload_pool", pool_id.get(), stride.get())
            }
        };
        let mut report = json!({
            "path": self.path.to_string_lossy(),
            "magic": format!("{MAGIC:#018x}"),
            "layout_version": LAYOUT_VERSION,
            "epoch": shape.epoch.get(),
            "stream_id": shape.stream_id.get(),
            "region_type": region_type,
            "pool_id": pool_id,
            "nslots": shape.slots.get(),
            "slot_bytes": shape.slot_len(),
            "stride_bytes": stride,
            "pid": self.superblock.pid,
            "start_timestamp_ns": self.superblock.start_ns,
            "activity_timestamp_ns": self.superblock.activity_ns,
            "region_bytes": shape.region_len(),
            "file_bytes": self.file_len,
        });
        if let (Some(slots), Value::Object(fields)) = (&self.slots, &mut report) {
            fields.insert("slots".into(), slots.iter().map(slot_json).collect());
        }
        report
    }
}

fn slot_json(slot: &Slot) -> Value {
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.into(), value);
    add("index", json!(slot.index.get()));
    add(
        "commit_word",
        json!(format!("{:#018x}", slot.word.to_bits())),
    );
    add("seq", json!(slot.word.seq().get()));
    add("committed", json!(slot.word.is_committed()));
    match &slot.frame {
        Ok(frame) => {
            add("pool_id", json!(frame.pool_id.get()));
            add("values_len_bytes", json!(frame.values_len_bytes));
            add("dtype", json!(dtype_name(frame.tensor.dtype())));
            add("dims", json!(frame.tensor.dims()));
            add("strides", json!(frame.tensor.strides().as_slice()));
            let order = format!("{:?}", frame.tensor.major_order()).to_lowercase();
            add("major_order", json!(order));
            add("timestamp_ns", json!(frame.timestamp_ns));
            add("meta_version", json!(frame.meta_version));
        }
        Err(fault) => {
            add("error", json!(fault.to_string()));
        }
    }
    Value::Object(fields)
}

/// The same for people, with times as seen from now.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now_ns = MonotonicClock.now().as_ns();
        let ago = |ns: u64| match now_ns.checked_sub(ns) {
            _ if ns == 0 => "never".into(),
            Some(age) => format!("{} ago", span(age)),
            None => format!("at {ns} ns, later than now"),
        };
        let shape = &self.superblock.shape;
        match shape.kind {
            RegionKind::HeaderRing => write!(f, "header ring")?,
            RegionKind::PayloadPool { pool_id, .. } => write!(f, "payload pool {pool_id}")?,
        }
        writeln!(f, " of stream {}, epoch {}", shape.stream_id, shape.epoch)?;
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<14} {value}");
        line("file", self.path.display().to_string())?;
        line("layout", LAYOUT_VERSION.to_string())?;
        line(
            "slots",
            format!("{} of {} bytes", shape.slots.get(), shape.slot_len()),
        )?;
        let (file, region) = (self.file_len, shape.region_len());
        line("bytes", format!("{region} in a file of {file}"))?;
        line("created", ago(self.superblock.start_ns))?;
        line("created by", format!("process {}", self.superblock.pid))?;
        line("last activity", ago(self.superblock.activity_ns))?;
        let Some(slots) = &self.slots else {
            return Ok(());
        };
        if slots.is_empty() {
            return writeln!(f, "no frame yet");
        }
        writeln!(
            f,
            "{:>6} {:>10}  {:<12} {:>5} {:>10}  {:<8} {:<16} captured",
            "slot", "seq", "state", "pool", "bytes", "dtype", "dims"
        )?;
        for slot in slots {
            write!(f, "{:>6} {:>10}  ", slot.index.get(), slot.word.seq())?;
            match &slot.frame {
                Ok(frame) => {
                    let captured = frame.timestamp_ns.map_or("unknown".into(), ago);
                    let dims = shape_text(frame.tensor.dims());
                    writeln!(
                        f,
                        "{:<12} {:>5} {:>10}  {:<8} {dims:<16} {captured}",
                        "committed",
                        frame.pool_id.get(),
                        frame.values_len_bytes,
                        dtype_name(frame.tensor.dtype()),
                    )?;
                }
                Err(fault) => writeln!(f, "{fault}")?,
            }
        }
        Ok(())
    }
}

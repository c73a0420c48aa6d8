//! `tp size`: slots, strides, memory and terms for a stream that does not exist yet, and the driver's configuration for it.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io::{self, Write};

use serde_json::{Value, json};
use tp_core_nostd::shm::{Demand, Dtype, Sizing};
use tp_linux_hugepages::last_level_cache_bytes;

use super::Misuse;
use crate::tensor::{Shape, parse_dtype};

/// Bytes a descriptor takes in an Aeron term: its message of 48 bytes, framed and padded.
const DESCRIPTOR_IN_TERM: f64 = 96.0;
/// How long the media driver waits for a reader that stopped, and how often it looks, in seconds (`tp media-driver`).
const WAIT_FOR_READER: f64 = 0.100 + 0.020;
/// The shortest and the longest term Aeron has, in bytes.
const TERMS: core::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;
/// Epochs that exist at once while a producer is replaced, with the driver's `epoch_gc_keep` of 2.
const EPOCHS: u64 = 3;
const HUGE_PAGE: u64 = 2 << 20;

/// Arguments of `tp size`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Frames per second
    #[arg(long, value_name = "HZ", value_parser = rate)]
    rate: f64,
    /// Shape of the largest frame, rows first: 480x640x3
    #[arg(long)]
    shape: Shape,
    /// Element type, as NumPy calls it: uint8, float32, ...
    #[arg(long, value_name = "TYPE", value_parser = parse_dtype)]
    dtype: Dtype,
    /// How late the slowest consumer may come without losing a frame: 5ms, 250us, 1s
    #[arg(long, value_name = "TIME", value_parser = time)]
    latency: Duration,
    /// What that is multiplied by, since latencies are guesses
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    safety: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tp size --rate 30 --shape 720x1280x3 --dtype uint8 --latency 100ms
  tp size --rate 2000 --shape 240x240 --dtype uint16 --latency 5ms --json";

/// Runs `tp size`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let answer = Answer::to(&args)?;
    match args.json {
        true => writeln!(io::stdout(), "{}", answer.json())?,
        false => write!(io::stdout(), "{answer}")?,
    }
    Ok(())
}

/// Everything that follows from the question.
struct Answer {
    rate: f64,
    payload_len: u32,
    sizing: Sizing,
    cache: Option<u64>,
}

impl Answer {
    fn to(args: &Args) -> Result<Self, Misuse> {
        let payload_len = args.shape.byte_len(args.dtype).ok_or(Misuse(
            "a frame of this shape has 4 GiB or more, which is longer than a payload can be",
        ))?;
        let sizing = Sizing::of(Demand {
            payload_len,
            period: Duration::from_secs_f64(args.rate.recip()),
            latency: args.latency,
            safety: args.safety,
        });
        Ok(Self {
            rate: args.rate,
            payload_len,
            sizing: sizing.ok_or(Misuse(
                "no ring holds that: a frame has at most 2 GiB, a ring less than 2147483648 slots; \
                 lower --rate, --latency or --safety",
            ))?,
            cache: last_level_cache_bytes(),
        })
    }

    /// Seconds from the commit of a frame until its slot is written again.
    fn reuse_s(&self) -> f64 {
        f64::from(self.sizing.slots.get()) / self.rate
    }

    fn memory(&self) -> u64 {
        self.sizing.epoch_len().saturating_mul(EPOCHS)
    }

    /// Pages of 2 MiB for the files of all epochs, each of them whole pages.
    fn huge_pages(&self) -> u64 {
        let pages = |len: u64| len.div_ceil(HUGE_PAGE);
        let epoch = pages(self.sizing.header_len()).saturating_add(pages(self.sizing.pool_len()));
        epoch.saturating_mul(EPOCHS)
    }

    /// The least term that holds twice the descriptors of the time a stopped reader is waited for.
    fn term_length(&self) -> u64 {
        let bytes = 2.0 * DESCRIPTOR_IN_TERM * self.rate * WAIT_FOR_READER;
        let mut term = *TERMS.start();
        while (term as f64) < bytes && term < *TERMS.end() {
            term = term.saturating_mul(2);
        }
        term
    }

    fn fits_cache(&self) -> Option<bool> {
        self.cache.map(|cache| self.sizing.pool_len() <= cache)
    }

    fn json(&self) -> Value {
        let sizing = &self.sizing;
        json!({
            "payload_bytes": self.payload_len,
            "frames_needed": sizing.frames_needed,
            "header_nslots": sizing.slots.get(),
            "stride_bytes": sizing.stride.get(),
            "header_region_bytes": sizing.header_len(),
            "pool_region_bytes": sizing.pool_len(),
            "memory_bytes": self.memory(),
            "huge_pages_2m": self.huge_pages(),
            "reuse_s": self.reuse_s(),
            "bytes_per_s": f64::from(self.payload_len) * self.rate,
            "cache_bytes": self.cache,
            "fits_cache": self.fits_cache(),
            "term_length": self.term_length(),
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sizing {
            frames_needed,
            slots,
            stride,
        } = self.sizing;
        let (slots, stride) = (slots.get(), stride.get());
        let pool = Bytes(self.sizing.pool_len());
        let payload = Bytes(self.payload_len.into());
        let rate = Bytes((f64::from(self.payload_len) * self.rate) as u64);
        writeln!(f, "frame     {payload}, {rate} per second")?;
        writeln!(
            f,
            "slots     {slots}, for the {frames_needed} frames that come while a consumer is late"
        )?;
        writeln!(f, "stride    {stride} bytes ({})", Bytes(stride.into()))?;
        writeln!(
            f,
            "reuse     a frame stays {:.1} ms",
            self.reuse_s() * 1000.0
        )?;
        writeln!(
            f,
            "memory    {} in {EPOCHS} epochs (or {} huge pages of 2 MiB)",
            Bytes(self.memory()),
            self.huge_pages(),
        )?;
        match (self.cache, self.fits_cache()) {
            (Some(cache), Some(true)) => writeln!(
                f,
                "cache     the pool of {pool} fits the {} there are",
                Bytes(cache)
            )?,
            (Some(cache), _) => writeln!(
                f,
                "cache     the pool of {pool} exceeds the {} there are: frames come from memory; fewer slots are faster",
                Bytes(cache)
            )?,
            (None, _) => writeln!(
                f,
                "cache     the pool has {pool}; this machine does not tell its cache"
            )?,
        }
        writeln!(f, "channel   aeron:ipc?term-length={}", self.term_length())?;
        writeln!(
            f,
            "\n[profiles.sized]\nheader_nslots = {slots}\n[[profiles.sized.payload_pools]]\npool_id = 1\nstride_bytes = {stride}"
        )
    }
}

/// Bytes for people.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..1024 => write!(f, "{} B", self.0),
            1024..1_048_576 => write!(f, "{:.1} KiB", bytes / 1024.0),
            1_048_576..1_073_741_824 => write!(f, "{:.1} MiB", bytes / 1_048_576.0),
            _ => write!(f, "{:.1} GiB", bytes / 1_073_741_824.0),
        }
    }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|hz| (0.001..=1e6).contains(hz));
    rate.ok_or("a rate is 0.001 to 1000000 frames per second")
}

fn time(text: &str) -> Result<Duration, &'static str> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let split = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let seconds = split.and_then(|(number, seconds)| Some(number.parse::<f64>().ok()? * seconds));
    let sensible = seconds.filter(|seconds| (0.0..=3600.0).contains(seconds));
    let duration = sensible.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or("a time is a number with us, ms or s, up to an hour, such as 5ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rate: f64, payload_len: u32, latency_ms: u64) -> Answer {
        let sizing = Sizing::of(Demand {
            payload_len,
            period: Duration::from_secs_f64(rate.recip()),
            latency: Duration::from_millis(latency_ms),
            safety: 2,
        });
        Answer {
            rate,
            payload_len,
            sizing: sizing.unwrap(),
            cache: Some(32 << 20),
        }
    }

    #[test]
    fn the_camera_of_the_example_configuration() {
        let camera = answer(30.0, 1280 * 720 * 3, 100);
        let json = camera.json();
        assert_eq!(
            (
                json["header_nslots"].as_u64(),
                json["stride_bytes"].as_u64()
            ),
            (Some(8), Some(4 << 20))
        );
        // 8 x 4 MiB and the 64 bytes before them are more than 32 MiB.
        assert_eq!(
            (json["fits_cache"].as_bool(), json["huge_pages_2m"].as_u64()),
            (Some(false), Some(3 * 18))
        );
        assert_eq!(json["term_length"].as_u64(), Some(64 << 10));
        let text = camera.to_string();
        assert!(
            text.contains("\nheader_nslots = 8\n") && text.ends_with("stride_bytes = 4194304\n"),
            "{text}"
        );
    }

    #[test]
    fn terms_grow_with_the_rate_and_end_where_aeron_ends() {
        assert_eq!(answer(20_000.0, 64, 1).term_length(), 512 << 10);
        assert_eq!(answer(1e6, 64, 1).term_length(), 32 << 20);
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(time("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(time("0.5s"), Ok(Duration::from_millis(500)));
        for wrong in ["5", "ms", "-1s", "2h", "4000s", "nans"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}

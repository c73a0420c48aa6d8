//! `tp publish`: files or raw frames into a stream.

mod input;
mod pace;
mod publishing;
mod totals;

use core::error::Error;
use std::path::PathBuf;

use tp_core_nostd::shm::Dtype;
use tp_std::ProducerConfig;

use super::Misuse;
use super::client::{Options, Session};
use crate::tensor::{EXTENSIONS, Shape, parse_dtype};
use input::{Input, STDIN};
use pace::Rate;
use publishing::Publishing;

/// Arguments of `tp publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    client: Options,
    #[arg(long, value_name = "PATH", required = true, num_args = 1.., help = input_help())]
    input: Vec<PathBuf>,
    /// Frames per second, 0 for as fast as they go [default: 10, raw frames as they arrive]
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    rate: Option<Rate>,
    /// Go round the files until stopped
    #[arg(long = "loop")]
    again: bool,
    /// Stop after N frames, going round the files as often as that takes [default: each file once]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Element type of raw frames, as NumPy calls it: uint8, float32, ...
    #[arg(long, value_name = "TYPE", value_parser = parse_dtype)]
    dtype: Option<Dtype>,
    /// Shape of raw frames, rows first: 480x640x3
    #[arg(long)]
    shape: Option<Shape>,
    /// Wait for a line on standard input before the first frame
    #[arg(long)]
    hold: bool,
    /// Stay attached after the last frame until standard input ends
    #[arg(long)]
    stay: bool,
    /// Print events and the summary as JSON lines on standard output
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tp publish --stream 10000 --input left.png right.png --rate 30 --loop
  tp publish --stream 10000 --input volume.npy
  ffmpeg -i film.mp4 -f rawvideo -pix_fmt rgb24 - | tp publish --stream 10000 --input - --dtype uint8 --shape 480x640x3";

fn input_help() -> String {
    let endings = EXTENSIONS.map(|end| format!(".{end}")).join(" ");
    format!("Files to send in turn ({endings}), or - for raw frames on standard input")
}

/// Runs `tp publish`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let input = input(&args)?;
    let session = Session::start(&args.client, "tp publish")?;
    let pending = session
        .client
        .producer(ProducerConfig::new(args.client.stream))?;
    let published = match session.attach(pending) {
        Ok(Some(producer)) => Publishing::new(&args, &session, input, producer).run(),
        Ok(None) => Err("stopped before it was attached".into()),
        Err(error) => Err(error.into()),
    };
    // What ended the client explains what became of its producer.
    session.close()?;
    published
}

/// What is to be sent, after the arguments were found to fit together.
fn input(args: &Args) -> Result<Input, Box<dyn Error>> {
    let misuse = |why| Err(Misuse(why).into());
    let stdin = args.input.iter().filter(|path| path.as_os_str() == STDIN);
    match (stdin.count(), args.input.len(), args.dtype, &args.shape) {
        (0, _, None, None) => Input::files(&args.input),
        (0, ..) => misuse(
            "--dtype and --shape describe raw frames: use them with --input -, files say it themselves",
        ),
        (1, 1, Some(dtype), Some(shape)) => {
            if args.again {
                return misuse("standard input cannot be read twice: leave out --loop");
            }
            if args.hold || args.stay {
                return misuse(
                    "standard input has the frames, so it cannot say when to start or leave: leave out --hold and --stay",
                );
            }
            Ok(Input::raw(dtype, shape.clone())?)
        }
        (1, 1, ..) => misuse(
            "raw frames have no header: say what they are, as in --dtype uint8 --shape 480x640x3",
        ),
        _ => misuse("--input takes files, or - alone"),
    }
}

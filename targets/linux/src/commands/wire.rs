//! `tp wire`: what bytes on the wire or in a slot say, and the bytes that say it.

use core::error::Error;
use std::io::{self, Read, Write};

use tp_core_nostd::sbe::MessageLayout;

use crate::wire_json;

/// Arguments of `tp wire`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, clap::Subcommand)]
enum Direction {
    /// Reads hex, prints one JSON object.
    Decode {
        /// The bytes are the body of this message, without a message header.
        #[arg(long, value_parser = body)]
        message: Option<&'static MessageLayout>,
        /// Hex digits; white space between them is ignored. Standard input where left out.
        hex: Option<String>,
    },
    /// Reads the JSON object that `decode` prints, prints hex.
    Encode {
        /// Write the body of this message, without a message header.
        #[arg(long, value_parser = body)]
        message: Option<&'static MessageLayout>,
        /// A JSON object. Standard input where left out.
        json: Option<String>,
    },
}

/// Runs `tp wire`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let line = match args.direction {
        Direction::Decode { message, hex } => {
            let bytes = wire_json::bytes_of_hex(&input(hex)?)?;
            wire_json::decode(&bytes, message)?.to_string()
        }
        Direction::Encode { message, json } => {
            let object = serde_json::from_str(&input(json)?)?;
            wire_json::hex_of_bytes(&wire_json::encode(&object, message)?)
        }
    };
    Ok(writeln!(io::stdout(), "{line}")?)
}

fn input(argument: Option<String>) -> io::Result<String> {
    match argument {
        Some(text) => Ok(text),
        None => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            Ok(text)
        }
    }
}

fn body(name: &str) -> Result<&'static MessageLayout, String> {
    wire_json::BODIES
        .iter()
        .find(|layout| layout.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = wire_json::BODIES.iter().map(|layout| layout.name).collect();
            format!("no such body; known are {}", names.join(", "))
        })
}

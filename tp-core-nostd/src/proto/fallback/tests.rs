//! Every input in every state, and a look at the whole history instead.

use super::*;
use crate::ids::{ClientId, StreamId};
use crate::wire::enums::Mode;
use proptest::prelude::*;
use std::format;
use std::string::String as Line;

type Machine = FallbackMachine<32>;

fn config(use_shm: bool, uri: Option<&'static str>) -> ConsumerConfig<'static> {
    ConsumerConfig {
        stream_id: StreamId::new(10_000).unwrap(),
        consumer_id: ClientId::new(1).unwrap(),
        use_shm,
        mode: Mode::Stream,
        payload_fallback_uri: uri,
        descriptor: None,
        control: None,
    }
}

const GUI: Option<&str> = Some("bridge://gui");

fn after(inputs: &[Input<'_>]) -> Machine {
    let mut machine = Machine::new();
    for input in inputs {
        let _ = machine.handle(*input);
    }
    machine
}

// req: C-099, W-193, W-242
#[test]
fn every_input_in_every_state() {
    let (yes, with, no, forced) = (
        config(true, None),
        config(true, GUI),
        config(false, None),
        config(false, GUI),
    );
    let states = [
        ("waiting", after(&[])),
        ("waiting+", after(&[Input::Config(&with)])),
        ("refused", after(&[Input::Refused])),
        ("refused+", after(&[Input::Config(&with), Input::Refused])),
        ("shm", after(&[Input::Mapped])),
        ("forced", after(&[Input::Config(&forced)])),
        ("stopped", after(&[Input::Config(&no)])),
    ];
    let inputs = [
        ("no input", None),
        ("shm", Some(Input::Config(&yes))),
        ("shm, URI", Some(Input::Config(&with))),
        ("no shm", Some(Input::Config(&no))),
        ("no shm, URI", Some(Input::Config(&forced))),
        ("mapped", Some(Input::Mapped)),
        ("refused", Some(Input::Refused)),
        ("unmapped", Some(Input::Unmapped)),
    ];
    let mut table = Line::new();
    for (name, input) in inputs {
        table += &format!("{name:11}");
        for (_, mut machine) in states.clone() {
            let unmap = input.is_some_and(|input| machine.handle(input));
            let mark = if unmap { "!" } else { "" };
            let source = format!("{:?}{mark}", machine.source());
            table += &format!(" {source:9}");
        }
        table = Line::from(table.trim_end()) + "\n";
    }
    // `!`: what is mapped has to be given up. Columns: waiting, waiting with a URI, refused, refused with a URI, shm,
    // forced away, stopped.
    let reviewed = "\
no input    Waiting   Waiting   Waiting   Fallback  Shm       Fallback  Stopped
shm         Waiting   Waiting   Waiting   Waiting   Shm       Waiting   Waiting
shm, URI    Waiting   Waiting   Fallback  Fallback  Shm       Waiting   Waiting
no shm      Stopped   Stopped   Stopped   Stopped   Stopped!  Stopped   Stopped
no shm, URI Fallback  Fallback  Fallback  Fallback  Fallback! Fallback  Fallback
mapped      Shm       Shm       Shm       Shm       Shm       Fallback! Stopped!
refused     Waiting   Fallback  Waiting   Fallback  Waiting   Fallback  Stopped
unmapped    Waiting   Waiting   Waiting   Fallback  Waiting   Fallback  Stopped
";
    assert_eq!(table, reviewed);
}

#[test] // req: W-194, W-195, C-099
fn other_schemes_are_no_fallback() {
    for (uri, expected) in [
        ("aeron:udp?endpoint=h:1", true),
        ("aeron-spy:aeron:ipc", false),
        ("bridge://gui", true),
        ("bridge://", false),
        ("aeron:", false),
        ("http://host", false),
        ("", false),
    ] {
        assert_eq!(is_supported(uri), expected, "{uri}");
    }
    let mut machine = Machine::new();
    for uri in ["http://host", "bridge://a-name-that-is-too-long-here"] {
        assert!(!machine.handle(Input::Config(&config(false, Some(uri)))));
        assert_eq!(
            (machine.source(), machine.uri()),
            (PayloadSource::Stopped, None)
        );
    }
    assert_eq!(machine.unsupported(), 2);
    let _ = machine.handle(Input::Config(&config(false, GUI)));
    assert_eq!((machine.uri(), machine.may_map()), (GUI, false));
}

proptest! {
    /// The last config, and what became of the mapping since, say it all.
    #[test] // req: C-099
    fn it_is_where_its_history_says(steps in prop::collection::vec(0..7_usize, 0..30)) {
        let configs = [config(true, None), config(true, GUI), config(false, None), config(false, GUI)];
        let mut machine = Machine::new();
        for (nth, step) in steps.iter().enumerate() {
            let input = match step {
                4 => Input::Mapped,
                5 => Input::Refused,
                6 => Input::Unmapped,
                step => Input::Config(&configs[*step]),
            };
            let unmap = machine.handle(input);
            let past = &steps[..=nth];
            let order = past.iter().rfind(|step| **step < 4).copied().unwrap_or(0);
            let (use_shm, has_uri) = (order < 2, order % 2 == 1);
            let mapped = past.iter().rfind(|step| **step >= 4) == Some(&4);
            // A refusal counts until something is mapped, or shared memory is allowed again.
            let refused = past.iter().rposition(|step| *step == 5);
            let over = |(place, step): (usize, &usize)| {
                let before = past[..place].iter().rfind(|step| **step < 4).copied().unwrap_or(0);
                *step == 4 || (*step < 2 && before >= 2)
            };
            let refused = refused.is_some_and(|last| !past.iter().enumerate().skip(last).any(over));
            prop_assert_eq!(unmap, mapped && !use_shm);
            let expected = match (use_shm, mapped) {
                (true, true) => PayloadSource::Shm,
                (true, false) if refused && has_uri => PayloadSource::Fallback,
                (true, false) => PayloadSource::Waiting,
                (false, _) if has_uri => PayloadSource::Fallback,
                (false, _) => PayloadSource::Stopped,
            };
            prop_assert_eq!(machine.source(), expected);
        }
    }
}

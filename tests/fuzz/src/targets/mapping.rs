//! The mapping machine, told anything in any order: whoever does what it orders never uses memory it should not.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::mapping::{Health, Input as Told, MappingMachine, Order, Source};
use tp_core_nostd::time::{Duration, Instant};

use crate::Input;

/// What an owner that obeys has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nothing,
    Mapping(Epoch),
    Mapped(Epoch),
}

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut machine = MappingMachine::new(Duration::from_millis(100));
    machine.allow_same_epoch_restart(input.bool());
    let mut owner = Owner::Nothing;
    let mut now = Instant::from_ns(1_000_000_000);
    while !input.is_empty() {
        now = now.after(Duration::from_millis(input.u8().into()));
        let told = told(&mut input, now, owner);
        let order = machine.handle(now, told);
        owner = obey(owner, told, order);
        let mapped = match owner {
            Owner::Mapped(epoch) => Some(epoch),
            _ => None,
        };
        assert_eq!(machine.mapped(), mapped, "{told:?} {order:?}");
    }
}

/// Something that can happen; the owner answers orders only.
fn told(input: &mut Input<'_>, now: Instant, owner: Owner) -> Told {
    let epoch = Epoch::new(1 + u64::from(input.u8() % 4)).unwrap();
    let age = u64::from(input.u8()) * 1_000_000;
    let timestamp_ns = now.as_ns().saturating_sub(age);
    match input.u8() % 10 {
        0 | 1 => Told::Offered {
            epoch,
            source: match input.bool() {
                true => Source::Attach,
                false => Source::Announce { timestamp_ns },
            },
            same_layout: input.bool(),
        },
        2 | 3 if matches!(owner, Owner::Mapping(_)) => Told::Mapped {
            activity_ns: timestamp_ns,
            one_writer: input.bool(),
        },
        4 if matches!(owner, Owner::Mapping(_)) => Told::MapFailed,
        5 => Told::DescriptorEpoch(epoch),
        6 => Told::Regression,
        7 => Told::ProducerRevoked { timestamp_ns },
        8 if input.bool() => Told::LeaseLost,
        8 => Told::Forbidden,
        _ => Told::Health(Health {
            intact: input.u8() > 8,
            same_writer: input.u8() > 8,
            activity_ns: timestamp_ns,
        }),
    }
}

/// What the owner has afterwards; nothing is unmapped that is not there, and nothing mapped that was not offered.
fn obey(owner: Owner, told: Told, order: Order) -> Owner {
    let offered = || match told {
        Told::Offered { epoch, .. } => Owner::Mapping(epoch),
        _ => panic!("nothing was offered: {told:?} {order:?}"),
    };
    match order {
        Order::Map => {
            assert!(!matches!(owner, Owner::Mapped(_)), "{told:?} {order:?}");
            offered()
        }
        Order::Remap(_) => {
            assert_ne!(owner, Owner::Nothing, "{told:?} {order:?}");
            offered()
        }
        Order::Unmap(_) => {
            assert_ne!(owner, Owner::Nothing, "{told:?} {order:?}");
            Owner::Nothing
        }
        Order::None => match (owner, told) {
            (Owner::Mapping(epoch), Told::Mapped { .. }) => Owner::Mapped(epoch),
            (Owner::Mapping(_), Told::MapFailed) => Owner::Nothing,
            (owner, _) => owner,
        },
    }
}

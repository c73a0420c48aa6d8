//! The mapping machine, told anything in any order: whoever does what it orders never uses memory it should not.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::mapping::{Health, Input as Told, Lost, MappingMachine, Order, Source};
use tp_core_nostd::time::{Duration, Instant};

use crate::Input;
use crate::reach::Reached;
use crate::seeds::random;

/// What an owner that obeys has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nothing,
    Mapping(Epoch),
    Mapped(Epoch),
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut reached = Reached::new();
    let mut last = None;
    let mut input = Input::new(bytes);
    let mut machine = MappingMachine::new(Duration::from_millis(100));
    machine.allow_same_epoch_restart(input.bool());
    let mut owner = Owner::Nothing;
    let mut now = Instant::from_ns(1_000_000_000);
    while !input.is_empty() {
        now = now.after(Duration::from_millis(input.u8().into()));
        let told = told(&mut input, now, owner);
        let order = machine.handle(now, told);
        reached.insert(name_of(owner, told, order));
        owner = obey(owner, told, order);
        let mapped = match owner {
            Owner::Mapped(epoch) => Some(epoch),
            _ => None,
        };
        assert_eq!(machine.mapped(), mapped, "{told:?} {order:?}");
        if let (Owner::Mapped(epoch), Told::Mapped { .. }) = (owner, told) {
            reached.insert(match last.replace(epoch) {
                Some(last) if last == epoch => "mapped in the same epoch again",
                Some(last) if last < epoch => "mapped in a higher epoch",
                _ => "mapped",
            });
        }
    }
    reached
}

/// Anything, and a producer that comes back in its epoch: first its regions are of two hands, then of one (E-05).
pub(super) fn seeds() -> Vec<Vec<u8>> {
    // Each begins with a pause, an epoch and an age.
    const OFFERED: [u8; 6] = [120, 0, 0, 0, 0, 1];
    const MAPPED: [u8; 5] = [1, 0, 0, 2, 1];
    const OF_TWO_HANDS: [u8; 5] = [1, 0, 0, 2, 0];
    const WRITER_CHANGED: [u8; 6] = [1, 0, 0, 9, 9, 0];
    let restart: [&[u8]; 8] = [
        &[1], // a restart in the same epoch is allowed
        &OFFERED,
        &MAPPED,
        &WRITER_CHANGED,
        &OFFERED,
        &OF_TWO_HANDS,
        &OFFERED,
        &MAPPED,
    ];
    let mut seeds = random();
    seeds.push(restart.concat());
    seeds
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

fn name_of(owner: Owner, told: Told, order: Order) -> &'static str {
    match (order, owner, told) {
        (Order::Map, ..) => "to be mapped",
        (Order::Remap(Lost::LayoutChanged), ..) => "another layout in its place",
        (Order::Remap(_), Owner::Mapping(_), _) => "overtaken while it was mapped",
        (Order::Remap(_), ..) => "a higher epoch in its place",
        (Order::Unmap(why), Owner::Mapping(_), _) => match why {
            Lost::Inactive => "stale as soon as it was mapped",
            Lost::WriterChanged => "of two hands",
            _ => "lost while it was mapped",
        },
        (Order::Unmap(why), ..) => match why {
            Lost::HigherEpoch => "let go for a higher epoch",
            Lost::DescriptorAhead => "descriptor ahead",
            Lost::Regression => "regression",
            Lost::ProducerRevoked => "producer revoked",
            Lost::LeaseLost => "lease lost",
            Lost::WriterChanged => "writer changed",
            Lost::LayoutChanged => "layout changed",
            Lost::Inactive => "inactive",
            Lost::Forbidden => "forbidden",
        },
        (Order::None, Owner::Nothing, Told::Offered { .. }) => "not what is waited for",
        (Order::None, _, Told::ProducerRevoked { .. }) => "revoked before it was mapped",
        (Order::None, _, Told::MapFailed) => "not mapped",
        (Order::None, ..) => "nothing to do",
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn memory_is_mapped_and_lost_in_every_way() {
        let ways = [
            "a higher epoch in its place",
            "another layout in its place",
            "descriptor ahead",
            "forbidden",
            "inactive",
            "layout changed",
            "lease lost",
            "lost while it was mapped",
            "mapped",
            "mapped in a higher epoch",
            "mapped in the same epoch again",
            "not mapped",
            "not what is waited for",
            "nothing to do",
            "of two hands",
            "overtaken while it was mapped",
            "producer revoked",
            "regression",
            "revoked before it was mapped",
            "stale as soon as it was mapped",
            "to be mapped",
            "writer changed",
        ];
        crate::reach::assert_reached("mapping", super::play, &ways);
    }
}

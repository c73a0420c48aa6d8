use super::*;
use std::vec::Vec;

const WINDOW: Duration = Duration::from_secs(3);
const SECOND: u64 = 1_000_000_000;

fn epoch(raw: u64) -> Epoch {
    Epoch::new(raw).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::from_ns(seconds * SECOND)
}

fn announce(raw: u64, seconds: u64) -> Input {
    let source = Source::Announce {
        timestamp_ns: seconds * SECOND,
    };
    Input::Offered {
        epoch: epoch(raw),
        source,
        same_layout: true,
    }
}

fn attach(raw: u64) -> Input {
    Input::Offered {
        epoch: epoch(raw),
        source: Source::Attach,
        same_layout: true,
    }
}

/// The regions stand, last stamped at 10 s.
const STANDS: Input = Input::Mapped {
    activity_ns: 10 * SECOND,
    one_writer: true,
};

fn healthy(activity_s: u64) -> Health {
    Health {
        intact: true,
        same_writer: true,
        activity_ns: activity_s * SECOND,
    }
}

/// Mapped to epoch 5 at 10 s, from an announce sent at 10 s.
fn mapped() -> MappingMachine {
    let mut machine = MappingMachine::new(WINDOW);
    assert_eq!(machine.handle(at(10), announce(5, 10)), Order::Map);
    assert_eq!(machine.handle(at(10), STANDS), Order::None);
    machine
}

fn mapping() -> MappingMachine {
    let mut machine = MappingMachine::new(WINDOW);
    assert_eq!(machine.handle(at(10), announce(5, 10)), Order::Map);
    machine
}

/// Every (state, input) pair at 20 s: the order, and whether something is mapped or being mapped afterwards.
#[test] // req: C-152
fn every_state_answers_every_input() {
    use Order::{Map, None as Nothing, Remap, Unmap};
    let other_layout = Input::Offered {
        epoch: epoch(5),
        source: Source::Attach,
        same_layout: false,
    };
    let fresh = Input::Mapped {
        activity_ns: 17 * SECOND,
        one_writer: true,
    };
    let intruder = Input::Health(Health {
        same_writer: false,
        ..healthy(20)
    });
    let overwritten = Input::Health(Health {
        intact: false,
        ..healthy(20)
    });
    #[rustfmt::skip]
    let rows = [
        // input                                   unmapped  mapping                     mapped
        (announce(4, 20),                           Map,      Nothing,                    Nothing), // req: T-12
        (announce(5, 20),                           Map,      Nothing,                    Nothing), // req: W-059, C-096
        (announce(6, 20),                           Map,      Remap(Lost::HigherEpoch),   Remap(Lost::HigherEpoch)), // req: W-048, W-051, W-060, D-130
        (attach(6),                                 Map,      Remap(Lost::HigherEpoch),   Remap(Lost::HigherEpoch)),
        (other_layout,                              Map,      Nothing,                    Remap(Lost::LayoutChanged)), // req: W-026
        (fresh,                                     Nothing,  Nothing,                    Nothing),
        (STANDS,                                    Nothing,  Unmap(Lost::Inactive),      Nothing), // req: W-047
        (Input::MapFailed,                          Nothing,  Nothing,                    Nothing), // req: W-030
        (Input::DescriptorEpoch(epoch(4)),          Nothing,  Nothing,                    Nothing), // req: T-13
        (Input::DescriptorEpoch(epoch(5)),          Nothing,  Nothing,                    Nothing),
        (Input::DescriptorEpoch(epoch(6)),          Nothing,  Unmap(Lost::DescriptorAhead), Unmap(Lost::DescriptorAhead)), // req: T-13
        (Input::Regression,                         Nothing,  Nothing,                    Unmap(Lost::Regression)), // req: T-14, W-052
        (Input::ProducerRevoked { timestamp_ns: 10 * SECOND }, Nothing, Nothing,          Nothing), // req: D-217
        (Input::ProducerRevoked { timestamp_ns: 11 * SECOND }, Nothing, Unmap(Lost::ProducerRevoked), Unmap(Lost::ProducerRevoked)), // req: D-115, C-043
        (Input::LeaseLost,                          Nothing,  Unmap(Lost::LeaseLost),     Unmap(Lost::LeaseLost)), // req: D-099
        (Input::Forbidden,                          Nothing,  Unmap(Lost::Forbidden),     Unmap(Lost::Forbidden)), // req: C-099
        (Input::Health(healthy(20)),                Nothing,  Nothing,                    Nothing),
        (Input::Health(healthy(16)),                Nothing,  Nothing,                    Unmap(Lost::Inactive)), // req: W-032, W-273
        (intruder,                                  Nothing,  Nothing,                    Unmap(Lost::WriterChanged)), // req: W-275
        (overwritten,                               Nothing,  Nothing,                    Unmap(Lost::LayoutChanged)), // req: W-027, W-028
    ];
    for (input, from_unmapped, from_mapping, from_mapped) in rows {
        assert_eq!(
            MappingMachine::new(WINDOW).handle(at(20), input),
            from_unmapped,
            "unmapped, {input:?}"
        );
        assert_eq!(
            mapping().handle(at(20), input),
            from_mapping,
            "mapping, {input:?}"
        );
        assert_eq!(
            mapped().handle(at(20), input),
            from_mapped,
            "mapped, {input:?}"
        );
    }
}

#[test] // req: T-34, C-098
fn a_mapped_region_has_one_window_of_grace() {
    let mut machine = mapped();
    assert_eq!(
        machine.handle(at(13), Input::Health(healthy(1))),
        Order::None
    );
    assert_eq!(
        machine.handle(at(14), Input::Health(healthy(1))),
        Order::Unmap(Lost::Inactive)
    );
}

#[test] // req: D-121, D-122, C-043, I-10
fn after_a_revoke_only_a_higher_epoch_will_do_for_three_periods() {
    let mut machine = mapped();
    assert_eq!(
        machine.handle(
            at(20),
            Input::ProducerRevoked {
                timestamp_ns: 20 * SECOND
            }
        ),
        Order::Unmap(Lost::ProducerRevoked)
    );
    assert_eq!(machine.handle(at(21), announce(5, 21)), Order::None);
    assert_eq!(machine.handle(at(21), announce(6, 21)), Order::Map);

    let mut machine = mapped();
    let _ = machine.handle(
        at(20),
        Input::ProducerRevoked {
            timestamp_ns: 20 * SECOND,
        },
    );
    assert_eq!(
        machine.handle(at(23), announce(5, 23)),
        Order::Map,
        "some drivers keep the epoch"
    );
}

#[test] // req: D-217
fn a_repeated_announce_answers_an_older_revoke() {
    let mut machine = mapped();
    assert_eq!(machine.handle(at(12), announce(5, 12)), Order::None);
    assert_eq!(
        machine.handle(
            at(12),
            Input::ProducerRevoked {
                timestamp_ns: 11 * SECOND
            }
        ),
        Order::None
    );
}

#[test] // req: D-217
fn a_mapping_from_an_attach_knows_no_older_revoke() {
    let mut machine = MappingMachine::new(WINDOW);
    assert_eq!(machine.handle(at(10), attach(5)), Order::Map);
    assert_eq!(machine.handle(at(10), STANDS), Order::None);
    let revoked = Input::ProducerRevoked { timestamp_ns: 1 };
    assert_eq!(
        machine.handle(at(11), revoked),
        Order::Unmap(Lost::ProducerRevoked)
    );
}

#[test] // req: T-13
fn after_a_descriptor_from_ahead_lower_epochs_wait_one_window() {
    let mut machine = mapped();
    let _ = machine.handle(at(20), Input::DescriptorEpoch(epoch(9)));
    let orders: Vec<_> = [(20, 8), (21, 8), (23, 8)]
        .map(|(s, raw)| machine.handle(at(s), announce(raw, s)))
        .into();
    assert_eq!(orders, [Order::None, Order::None, Order::Map]);
}

/// Unmapped at 20 s because the process id in a superblock of epoch 5 changed.
fn after_a_change_of_writer(same_epoch_restart: bool) -> MappingMachine {
    let mut machine = mapped();
    machine.allow_same_epoch_restart(same_epoch_restart);
    let intruder = Input::Health(Health {
        same_writer: false,
        ..healthy(20)
    });
    let order = machine.handle(at(20), intruder);
    assert_eq!(order, Order::Unmap(Lost::WriterChanged));
    machine
}

#[test] // req: W-275, T-58, C-098
fn after_a_change_of_writer_only_a_higher_epoch_or_the_driver_will_do() {
    let mut machine = after_a_change_of_writer(false);
    for seconds in [21, 23, 1_000] {
        assert_eq!(
            machine.handle(at(seconds), announce(5, seconds)),
            Order::None
        );
    }
    assert_eq!(machine.handle(at(1_001), announce(6, 1_001)), Order::Map);
    let mut machine = after_a_change_of_writer(false);
    assert_eq!(machine.handle(at(21), attach(5)), Order::Map);
}

#[test] // req: E-05, T-58
fn a_rewritten_epoch_is_mapped_after_a_window_once_it_is_of_one_hand() {
    let mut machine = after_a_change_of_writer(true);
    assert_eq!(machine.handle(at(22), announce(5, 22)), Order::None);
    for (seconds, one_writer) in [(23, false), (24, true)] {
        let offered = machine.handle(at(seconds), announce(5, seconds));
        assert_eq!(offered, Order::Map);
        let stands = Input::Mapped {
            activity_ns: seconds * SECOND,
            one_writer,
        };
        let expected = match one_writer {
            true => Order::None,
            false => Order::Unmap(Lost::WriterChanged),
        };
        assert_eq!(machine.handle(at(seconds), stands), expected);
    }
    assert_eq!(machine.mapped(), Some(epoch(5)));
}

#[test] // req: E-05
fn a_rewritten_epoch_that_cannot_be_mapped_is_waited_for_as_before() {
    let mut machine = after_a_change_of_writer(true);
    assert_eq!(machine.handle(at(23), announce(5, 23)), Order::Map);
    let _ = machine.handle(at(23), Input::MapFailed);
    assert_eq!(machine.handle(at(24), announce(5, 24)), Order::Map);
    let half = Input::Mapped {
        activity_ns: 24 * SECOND,
        one_writer: false,
    };
    let order = machine.handle(at(24), half);
    assert_eq!(order, Order::Unmap(Lost::WriterChanged));
}

#[test] // req: W-055, W-058
fn nothing_is_mapped_before_the_mapping_stands() {
    let mut machine = mapping();
    assert_eq!(machine.mapped(), None);
    let _ = machine.handle(at(10), Input::MapFailed);
    assert_eq!(machine.mapped(), None);
    assert_eq!(
        machine.handle(at(11), announce(5, 11)),
        Order::Map,
        "tried again with the next announce"
    );
    let _ = machine.handle(at(11), STANDS);
    assert_eq!(machine.mapped(), Some(epoch(5)));
}

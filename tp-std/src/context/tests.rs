//! Every knob is set, read and refused out of its range.

use super::*;
use crate::log::Level;

#[test] // req: C-002
fn values_out_of_range_are_refused_not_cut() {
    assert!(Context::new().with_client_name("x".repeat(256)).is_ok());
    assert!(Context::new().with_client_name("x".repeat(257)).is_err());
    assert!(Context::new().with_aeron_dir("d".repeat(4097)).is_err());
    assert!(Context::new().with_command_queue_capacity(0).is_err());
    assert!(Context::new().with_message_retry_attempts(0).is_err());
    let no_fragments = Budgets {
        fragments: 0,
        ..Budgets::default()
    };
    assert!(Context::new().with_budgets(no_fragments).is_err());
    let pauses = |first, longest| Reattach::Automatic { first, longest };
    let (short, long) = (Duration::from_millis(1), Duration::from_millis(2));
    assert!(Context::new().with_reattach(pauses(short, long)).is_ok());
    assert!(Context::new().with_reattach(pauses(long, short)).is_err());
    let zero = Duration::ZERO;
    assert!(Context::new().with_reattach(pauses(zero, long)).is_err());
    assert!(Context::new().with_thread_name("").is_err());
    assert!(Context::new().with_thread_name("a\0b").is_err());
}

#[test] // req: C-005
fn one_call_sets_the_standard_streams() {
    let context = Context::new()
        .with_default_channels("aeron:ipc", 0)
        .unwrap();
    let ipc = || "aeron:ipc".parse().unwrap();
    assert_eq!(context.control(), &Endpoint::new(ipc(), 1000));
    assert_eq!(context.announce(), &Endpoint::new(ipc(), 1001));
    assert_eq!(context.descriptor(), &Endpoint::new(ipc(), 1100));
    assert_eq!(context.qos(), Some(&Endpoint::new(ipc(), 1200)));
    assert_eq!(context.metadata(), Some(&Endpoint::new(ipc(), 1300)));
    let shared = Context::new()
        .with_default_channels("aeron:ipc", 1000)
        .unwrap();
    assert_eq!(shared.announce(), shared.control());
    assert!(Context::new().with_default_channels("ipc", 0).is_err());
}

/// A value that is not the default, for each knob.
#[test] // req: C-001
fn what_is_set_can_be_read() {
    let second = Duration::from_secs(7);
    let residency = Residency {
        prefault: true,
        lock: true,
    };
    let permissions = Permissions {
        uid: Some(7),
        ..Permissions::default()
    };
    let endpoint = |id| Endpoint::new(Channel::ipc(), id);
    let budgets = Budgets {
        commands: 7,
        fragments: 9,
    };
    let context = Context::new()
        .with_aeron_dir("/aeron")
        .and_then(|context| context.with_client_name("camera"))
        .and_then(|context| context.with_command_queue_capacity(7))
        .and_then(|context| context.with_message_retry_attempts(7))
        .and_then(|context| context.with_thread_name("cold"))
        .and_then(|context| context.with_reattach(Reattach::ByHand))
        .and_then(|context| context.with_budgets(budgets))
        .unwrap()
        .with_control(endpoint(1))
        .with_announce(endpoint(2))
        .with_descriptor(endpoint(3))
        .with_qos(endpoint(4))
        .with_metadata(None)
        .with_seed(7)
        .allow_dir("/frames")
        .with_shm_permissions(permissions)
        .with_residency(residency)
        .with_driver_timeout(second)
        .with_message_timeout(second)
        .with_keepalive_interval(second)
        .with_lease_expiry_grace_intervals(7)
        .with_announce_period(second)
        .with_hello_period(second)
        .with_merge_map_announce_period(second)
        .with_log_level(Level::Trace)
        .with_idle(Idle::NoOp(crate::idle::NoOpIdle))
        .with_thread_affinity([1, 3]);
    assert_eq!(context.aeron_dir(), PathBuf::from("/aeron"));
    assert_eq!(context.client_name(), "camera");
    assert_eq!(context.command_queue_capacity(), 7);
    assert_eq!(context.message_retry_attempts(), 7);
    assert_eq!(context.thread_name(), "cold");
    assert_eq!(
        [context.control(), context.announce(), context.descriptor()],
        [&endpoint(1), &endpoint(2), &endpoint(3)]
    );
    assert_eq!(context.qos(), Some(&endpoint(4)));
    assert_eq!((context.metadata(), context.seed()), (None, Some(7)));
    assert_eq!(context.allowed_dirs(), [PathBuf::from("/frames")]);
    assert_eq!(context.shm_permissions(), permissions);
    assert_eq!(context.residency(), residency);
    assert_eq!(
        [
            context.driver_timeout(),
            context.message_timeout(),
            context.keepalive_interval(),
            context.announce_period(),
            context.hello_period(),
            context.merge_map_announce_period(),
        ],
        [second; 6]
    );
    assert_eq!(context.freshness_window(), second * 3);
    assert_eq!(context.reattach(), Reattach::ByHand);
    assert_eq!(context.budgets(), budgets);
    assert_eq!(context.log_level(), Some(Level::Trace));
    assert_eq!(context.lease_expiry_grace_intervals(), 7);
    assert!(matches!(context.idle(), Idle::NoOp(_)));
    assert_eq!(context.thread_affinity(), [1, 3]);
}

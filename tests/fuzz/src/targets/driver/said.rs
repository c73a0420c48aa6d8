//! Names of what a driver says.

use tp_core_nostd::proto::driver::Event;
use tp_core_nostd::wire::driver::{LeaseRevokeReason, RefusalCode, Role};

pub(super) const fn name_of(event: &Event) -> &'static str {
    use Event::*;
    match event {
        Attached { again: true, .. } => "granted again",
        Attached { stream, .. } if stream.get() >= 40_000 => "granted on a stream made for it",
        Attached { role, .. } => match role {
            Role::Producer => "granted to a producer",
            Role::Consumer => "granted to a consumer",
        },
        AttachRefused { code, .. } => match code {
            RefusalCode::Unsupported => "unsupported",
            RefusalCode::InvalidParams => "invalid",
            RefusalCode::Rejected => "rejected",
            RefusalCode::InternalError => "failed",
        },
        Detached { .. } => "detached",
        DetachRefused { .. } => "detach refused",
        Revoked { reason, .. } => match reason {
            LeaseRevokeReason::Detached => "ended by its client",
            LeaseRevokeReason::Expired => "expired",
            LeaseRevokeReason::Revoked => "revoked",
        },
        StrangerRevoked { .. } => "a stranger's",
        Announced { producer, .. } => match producer {
            Some(_) => "announced with its producer",
            None => "announced",
        },
        Configured {
            descriptor: None,
            control: None,
            ..
        } => "on the shared streams",
        Configured { .. } => "on streams of its own",
        Shutdown { .. } => "shut down",
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn everything_a_driver_can_say_is_said() {
        let said = [
            "announced",
            "announced with its producer",
            "a stranger's",
            "detach refused",
            "detached",
            "ended by its client",
            "expired",
            "failed",
            "granted again",
            "granted on a stream made for it",
            "granted to a consumer",
            "granted to a producer",
            "invalid",
            "on streams of its own",
            "on the shared streams",
            "rejected",
            "revoked",
            "shut down",
            "unsupported",
        ];
        crate::reach::assert_reached("driver_engine", super::super::play, &said);
    }
}

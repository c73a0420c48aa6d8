//! What happens to those on stage.

use core::time::Duration;
use std::thread;

use rustix::process::Signal;

use crate::process::Process;
use crate::stage::Stage;

/// Shorter and longer than a lease lives without a word.
const NAPS: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(2500)];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Blow {
    DriverKilled,
    PublisherKilled,
    SubscriberKilled,
    SubscriberStopped,
    PublisherStopped,
    DriverStopped,
    SubscriberLeaves,
    PublisherLeaves,
    DriverLeaves,
}

impl Blow {
    pub(crate) const ALL: [Self; 9] = [
        Self::DriverKilled,
        Self::PublisherKilled,
        Self::SubscriberKilled,
        Self::SubscriberStopped,
        Self::PublisherStopped,
        Self::DriverStopped,
        Self::SubscriberLeaves,
        Self::PublisherLeaves,
        Self::DriverLeaves,
    ];

    /// Deals it, and puts a new one in the place of who is gone.
    pub(crate) fn strike(self, stage: &mut Stage) -> Result<(), String> {
        match self {
            Self::DriverKilled => {
                stage.driver.kill();
                stage.start_driver()
            }
            Self::DriverLeaves => {
                stage.driver.stop()?;
                stage.start_driver()
            }
            Self::PublisherKilled => {
                stage.publisher.kill();
                stage.start_publisher()
            }
            Self::PublisherLeaves => {
                stage.publisher.stop()?;
                stage.start_publisher()
            }
            Self::SubscriberKilled => {
                stage.subscriber.kill();
                stage.start_subscriber()
            }
            Self::SubscriberLeaves => {
                stage.subscriber.stop()?;
                stage.start_subscriber()
            }
            Self::SubscriberStopped => naps(&stage.subscriber),
            Self::PublisherStopped => naps(&stage.publisher),
            Self::DriverStopped => naps(&stage.driver),
        }
    }
}

fn naps(process: &Process) -> Result<(), String> {
    for nap in NAPS {
        process.signal(Signal::STOP);
        thread::sleep(nap);
        process.signal(Signal::CONT);
        thread::sleep(NAPS[0]);
    }
    Ok(())
}

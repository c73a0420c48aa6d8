//! What a driver counts, for logs and metrics (driver 10).

/// Messages that were read and not acted on, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ignored {
    /// Of another schema, or a message nobody knows: progress and the like share the control stream.
    pub foreign: u64,
    /// Version 0, or a newer version of a message that gets no answer (D-029).
    pub version: u64,
    /// Too short, or with other lengths than version 1 has (D-029).
    pub malformed: u64,
    /// Responses, revocations and shutdown notices, a driver's own kind (D-030).
    pub from_drivers: u64,
    /// Hellos without a lease in force, where somebody else answers, with unknown values, or without room for them.
    pub hellos: u64,
    /// Keepalives that match no active lease (D-092).
    pub keepalives: u64,
    /// Repeats of an attach whose answer is still to come (D-059).
    pub repeats: u64,
    /// Shutdown requests without the secret, or with an unknown reason (D-146, D-147, D-218).
    pub shutdown_requests: u64,
    /// File results nobody waited for.
    pub file_results: u64,
}

/// What a driver has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counters {
    /// Leases whose OK was published.
    pub attached: u64,
    /// OKs published again for a repeated attach (D-059).
    pub attached_again: u64,
    /// Attaches that were refused.
    pub attach_refused: u64,
    /// Keepalives that extended a lease.
    pub keepalives: u64,
    /// Revocations published because the client detached.
    pub detached: u64,
    /// Revocations published because keepalives stayed away.
    pub expired: u64,
    /// Revocations published for other reasons.
    pub revoked: u64,
    /// Detaches that were refused.
    pub detach_refused: u64,
    /// Clients of other drivers that were told that their lease is void (D-154).
    pub strangers: u64,
    /// Consumers told which streams of their own they have.
    pub configs: u64,
    /// Announces published.
    pub announces: u64,
    /// Epochs taken into use.
    pub epochs: u64,
    /// Epochs whose files were removed (D-196).
    pub collected: u64,
    /// Shutdown requests with the secret (D-145).
    pub shutdown_requests: u64,
    /// Scans and provisionings that failed.
    pub file_failures: u64,
    /// Leases that went without a node id because none was left (D-178).
    pub without_node_id: u64,
    /// Answers dropped because none of the lent entries was free.
    pub answers_dropped: u64,
    /// Messages dropped because the buffer of the adapter was too short for them.
    pub too_long: u64,
    /// Messages that were not acted on.
    pub ignored: Ignored,
}

impl Counters {
    /// Every counter with its name, those of ignored messages last.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        // Taken apart by name, so that a new counter cannot be forgotten here.
        let Self {
            attached,
            attached_again,
            attach_refused,
            keepalives,
            detached,
            expired,
            revoked,
            detach_refused,
            strangers,
            configs,
            announces,
            epochs,
            collected,
            shutdown_requests,
            file_failures,
            without_node_id,
            answers_dropped,
            too_long,
            ignored,
        } = *self;
        let ours = [
            ("attached", attached),
            ("attached_again", attached_again),
            ("attach_refused", attach_refused),
            ("keepalives", keepalives),
            ("detached", detached),
            ("expired", expired),
            ("revoked", revoked),
            ("detach_refused", detach_refused),
            ("strangers", strangers),
            ("configs", configs),
            ("announces", announces),
            ("epochs", epochs),
            ("collected", collected),
            ("shutdown_requests", shutdown_requests),
            ("file_failures", file_failures),
            ("without_node_id", without_node_id),
            ("answers_dropped", answers_dropped),
            ("too_long", too_long),
        ];
        ours.into_iter().chain(ignored.named())
    }
}

impl Ignored {
    fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        let Self {
            foreign,
            version,
            malformed,
            from_drivers,
            hellos,
            keepalives,
            repeats,
            shutdown_requests,
            file_results,
        } = self;
        [
            ("ignored_foreign", foreign),
            ("ignored_version", version),
            ("ignored_malformed", malformed),
            ("ignored_from_drivers", from_drivers),
            ("ignored_hellos", hellos),
            ("ignored_keepalives", keepalives),
            ("ignored_repeats", repeats),
            ("ignored_shutdown_requests", shutdown_requests),
            ("ignored_file_results", file_results),
        ]
        .into_iter()
    }
}

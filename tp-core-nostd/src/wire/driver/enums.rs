//! Enumerations of schema 901 (driver 2.1). Null (255) is never among them.

use crate::wire::enums::wire_enum;

wire_enum! {
    /// What a lease allows.
    pub enum Role: u8 {
        /// Write frames; at most one lease per stream (D-055).
        Producer = 1,
        /// Read frames.
        Consumer = 2,
    }
}

wire_enum! {
    /// Whether an attach may bring its stream into being.
    pub enum PublishMode: u8 {
        /// The stream must be provisioned already (D-046).
        RequireExisting = 1,
        /// The driver may create it (D-048).
        ExistingOrCreate = 2,
    }
}

wire_enum! {
    /// Which pages the regions must stand on.
    pub enum HugepagesPolicy: u8 {
        /// As the driver is configured (D-052).
        Unspecified = 0,
        /// Standard pages (D-051).
        Standard = 1,
        /// Huge pages (D-050).
        Hugepages = 2,
    }
}

wire_enum! {
    /// Why a lease ended.
    pub enum LeaseRevokeReason: u8 {
        /// Its client detached.
        Detached = 1,
        /// Its keepalives stayed away.
        Expired = 2,
        /// The driver took it back.
        Revoked = 3,
    }
}

wire_enum! {
    /// Why a driver leaves.
    pub enum ShutdownReason: u8 {
        /// It was stopped.
        Normal = 0,
        /// An operator asked for it.
        Admin = 1,
        /// It cannot go on.
        Error = 2,
    }
}

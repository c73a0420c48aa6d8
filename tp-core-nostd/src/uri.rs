//! Region URIs.

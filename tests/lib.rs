//! Shared by the test targets of this package: golden vectors, fakes and process helpers.

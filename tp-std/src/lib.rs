//! SHM Tensor Pool.

//! What the core needs from whoever maps memory.

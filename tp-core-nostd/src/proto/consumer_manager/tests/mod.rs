//! The consumer manager: its tables, its answers, and a model.

mod answers;
mod model;
mod rig;
mod streams;
mod together;

//! A consumer's cold and hot half together, over the fake medium.

mod medium;
mod presence;
mod progress;
mod world;

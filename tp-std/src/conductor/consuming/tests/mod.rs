//! A consumer's cold and hot half together, over the fake medium.

mod announces;
mod declared;
mod images;
mod orders;
mod presence;
mod progress;
mod switching;
mod world;

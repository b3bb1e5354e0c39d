//! Patched Pods.

mod costly;
mod peers;
mod properties;
mod unasserted;

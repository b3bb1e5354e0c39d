//! `boundtoken serve` as a process.

mod cluster;
mod logs;
mod poisoned;
mod process;

//! The program as a user runs it.

mod audit;
mod certs;
mod check;
pub(crate) mod command_line;
mod completions;
mod help;
mod preview;
mod serve;
mod streams;
mod variables;

//! `boundtoken preview`.

mod exit_codes;
mod findings;
mod input;
mod output;
mod slips;
mod summary;
mod webhook;
mod words;

//! `boundtoken preview`.

mod exit_codes;
mod findings;
mod input;
mod output;
mod webhook;
mod words;

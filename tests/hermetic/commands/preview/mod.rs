//! `boundtoken preview`.

mod input;
mod output;
mod webhook;
mod words;

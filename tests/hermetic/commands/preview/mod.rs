//! `boundtoken preview`.

mod input;
mod output;
mod words;

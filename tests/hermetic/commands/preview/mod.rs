//! `boundtoken preview`.

mod directories;
mod exit_codes;
mod findings;
mod input;
mod kustomize;
mod output;
mod rendered;
mod slips;
mod summary;
mod webhook;
mod words;

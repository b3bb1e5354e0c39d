//! Patched Pods.

mod added_tokens;
mod containers;
mod costly;
mod default_token;
mod properties;
mod volumes;

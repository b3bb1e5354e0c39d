//! Patched Pods.

mod added_tokens;
mod containers;
mod costly;
mod default_token;
mod hand_made;
mod mounts;
mod properties;
mod starts;
mod sub_paths;
mod volumes;
mod windows;

//! Settings: their values, their precedence, and the tables of keys and codes.

mod invalid_settings;
mod overrides;
mod tables;
mod values;

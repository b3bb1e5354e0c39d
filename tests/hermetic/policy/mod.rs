//! Settings: their values, their precedence, and the tables of keys and codes.

mod invalid_settings;
mod overrides;
mod schema;
mod tables;
mod values;

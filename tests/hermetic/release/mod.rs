//! What a release consists of.

mod package;
mod versions;
mod workflows;

//! README.md and docs/ against the program.

mod pages;
mod reference;
mod troubleshooting;

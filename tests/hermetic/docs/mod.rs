//! README.md and docs/ against the program.

mod pages;
mod picture;
mod reference;
mod troubleshooting;

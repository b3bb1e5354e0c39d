//! README.md and docs/ against the program.

mod chart;
mod examples;
mod pages;
mod picture;
mod reference;
mod troubleshooting;
mod versions;

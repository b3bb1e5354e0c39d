//! The watched Namespaces of an API server that the test plays, with a clock that stands still.

mod fake;
mod live;
mod watch;

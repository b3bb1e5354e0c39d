//! The watched Namespaces of an API server that the test plays, with a paused clock.

mod fake;
mod hostile;
mod live;
mod watch;

//! The watched Namespaces of a scripted API server, with a paused clock.

mod fake;
mod hostile;
mod live;
mod watch;

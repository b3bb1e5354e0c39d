//! Reviews of an API server, and the responses to them.

mod differential;
mod golden;
mod hostile;
mod refusals;
mod wire;

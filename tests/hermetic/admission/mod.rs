//! Reviews of an API server, and the responses to them.

mod differential;
mod duplicates;
mod golden;
mod hostile;
mod refusals;
mod wire;

//! What an API server sends, and what it is answered.

mod differential;
mod golden;
mod hostile;
mod refusals;
mod wire;

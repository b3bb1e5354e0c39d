//! The server over connections in memory.

mod client_ca;
mod connections;
mod http;
mod limits;
mod shutdown;
mod tls;

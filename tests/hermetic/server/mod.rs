//! The server over connections in memory.

mod connections;
mod http;
mod limits;
mod shutdown;
mod tls;

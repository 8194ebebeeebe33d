//! TLS on both ports, with rustls and openssl as the other end.

mod certificates;
mod handshakes;

//! TLS on both ports, with rustls and openssl as the other end.

mod certificates;
mod devices;
mod handshakes;
mod identities;
mod openssl;
mod program;
mod tickets;

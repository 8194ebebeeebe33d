//! What the kernel still has to get acknowledged by a connection's peer: the one way to tell a peer that is gone from one whose
//! program is slow. Asked over the kernel's socket diagnostics (netlink, `linux/inet_diag.h`; what `ss` uses), because the socket's
//! own options for it cannot be read without `unsafe`. Costs three system calls that do not wait.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};
use tokio::net::TcpStream;

/// What a peer has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes that wait to be sent, or were sent and not acknowledged.
    bytes: u32,
    /// Repetitions and probes in a row that the peer has left without any acknowledgement.
    unanswered: u8,
}

impl Backlog {
    /// Asks about a connection.
    ///
    /// # Errors
    ///
    /// Whatever the system says, for example that it has no such diagnostics.
    pub fn of(connection: &TcpStream) -> io::Result<Self> {
        let question = question(connection.local_addr()?, connection.peer_addr()?);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kernel = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
        send(&kernel, &question, SendFlags::empty())?;
        let mut answer = [0; ANSWER_BYTES];
        let (len, _) = recv(&kernel, &mut answer[..], RecvFlags::empty())?;
        Self::from_answer(&answer[..len]).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Whether the peer acknowledges nothing: not the data, nor the question whether it has room for more. A peer whose program
    /// does not read answers those.
    pub const fn is_unanswered(self) -> bool {
        self.bytes > 0 && self.unanswered >= UNANSWERED
    }

    /// Reads a `nlmsghdr` with an `inet_diag_msg`.
    fn from_answer(answer: &[u8]) -> Option<Self> {
        let kind = answer.get(4..6)?;
        if kind != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
            return None;
        }
        let diag = answer.get(HEADER_BYTES..)?;
        let bytes = diag.get(WQUEUE_AT..WQUEUE_AT + 4)?.try_into().ok()?;
        Some(Self { unanswered: *diag.get(RETRANS_AT)?, bytes: u32::from_ne_bytes(bytes) })
    }
}

/// A `nlmsghdr` with an `inet_diag_req_v2` that names one connection.
fn question(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
    let mut question = Vec::with_capacity(QUESTION_BYTES as usize);
    question.extend_from_slice(&QUESTION_BYTES.to_ne_bytes());
    question.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    question.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    question.extend_from_slice(&[0; 8]); // sequence number and sender: there is one answer
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    question.extend_from_slice(&[family, IPPROTO_TCP, 0, 0]);
    question.extend_from_slice(&u32::MAX.to_ne_bytes()); // in any state
    question.extend_from_slice(&local.port().to_be_bytes());
    question.extend_from_slice(&peer.port().to_be_bytes());
    question.extend_from_slice(&address(local.ip()));
    question.extend_from_slice(&address(peer.ip()));
    question.extend_from_slice(&[0; 4]); // on any interface
    question.extend_from_slice(&[0xff; 8]); // no cookie
    question
}

fn address(ip: IpAddr) -> [u8; 16] {
    let mut bytes = [0; 16];
    match ip {
        IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes.copy_from_slice(&ip.octets()),
    }
    bytes
}

/// Two in a row: one segment and one acknowledgement may get lost.
const UNANSWERED: u8 = 2;

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
const HEADER_BYTES: usize = 16;
const QUESTION_BYTES: u32 = 16 + 56;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
/// `idiag_retrans`.
const RETRANS_AT: usize = 3;
/// `idiag_wqueue`, after four bytes, the 48 that name the connection, and two numbers.
const WQUEUE_AT: usize = 60;
/// An answer without its attributes has 88 bytes; the kernel adds a few.
const ANSWER_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A connection whose far end reads nothing.
    async fn connection(addr: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(addr).await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (near, far)
    }

    fn fill(connection: &TcpStream) {
        while connection.try_write(&[0; 65_536]).is_ok() {}
    }

    #[tokio::test]
    async fn bytes_that_wait_are_seen_and_a_peer_that_does_not_read_answers() {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let (near, _far) = connection(addr).await;
            assert_eq!(Backlog::of(&near).unwrap(), Backlog { bytes: 0, unanswered: 0 });
            fill(&near);
            let backlog = Backlog::of(&near).unwrap();
            assert!(backlog.bytes > 0 && !backlog.is_unanswered(), "{backlog:?}");
        }
    }

    #[test]
    fn a_peer_is_gone_that_left_two_repetitions_unanswered() {
        let answer = |unanswered: u8, bytes: u32| {
            let mut answer = vec![0; 88];
            answer[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
            answer[16 + RETRANS_AT] = unanswered;
            answer[16 + WQUEUE_AT..16 + WQUEUE_AT + 4].copy_from_slice(&bytes.to_ne_bytes());
            Backlog::from_answer(&answer).unwrap().is_unanswered()
        };
        assert_eq!([answer(0, 14), answer(1, 14), answer(2, 14), answer(2, 0)], [false, false, true, false]);
    }

    #[test]
    fn an_answer_of_another_kind_is_none() {
        assert_eq!(Backlog::from_answer(&[0; 88]), None, "an error message");
        assert_eq!(Backlog::from_answer(&[20, 0, 0, 0]), None);
        assert_eq!(question("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()).len(), 72);
    }
}

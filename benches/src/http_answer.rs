//! Just enough HTTP/1.1 to read answers: a status, a body of known length, or a chunked body in lines. Pure.

/// A whole answer in a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// Bytes that are no answer this reader knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl<'a> Answer<'a> {
    /// The answer at the front of `input` and its length in all; `None` while it is not whole.
    pub(crate) fn decode(input: &'a [u8]) -> Result<Option<(Self, usize)>, Unreadable> {
        let Some(head) = Head::decode(input)? else { return Ok(None) };
        let Framing::Length(length) = head.framing else { return Err(Unreadable) };
        let end = head.length + length;
        Ok(input.get(head.length..end).map(|body| (Self { status: head.status, body }, end)))
    }
}

/// Status line and headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// Bytes of it, the empty line included.
    pub(crate) length: usize,
}

/// How a body's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

impl Head {
    /// The head at the front of `input`; `None` while it is not whole.
    pub(crate) fn decode(input: &[u8]) -> Result<Option<Self>, Unreadable> {
        let Some(end) = input.windows(HEAD_END.len()).position(|window| window == HEAD_END) else { return Ok(None) };
        let head = str::from_utf8(&input[..end]).map_err(|_| Unreadable)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(status_of).ok_or(Unreadable)?;
        let framing = lines.find_map(framing_of).ok_or(Unreadable)?;
        Ok(Some(Self { status, framing, length: end + HEAD_END.len() }))
    }
}

fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn framing_of(line: &str) -> Option<Framing> {
    let (name, value) = line.split_once(':')?;
    if name.eq_ignore_ascii_case("content-length") {
        return value.trim().parse().ok().map(Framing::Length);
    }
    let chunked = name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked");
    chunked.then_some(Framing::Chunked)
}

/// Takes the chunks' frames off a body and gives its lines.
#[derive(Debug, Default)]
pub(crate) struct ChunkedLines {
    /// Bytes as they came, from the first chunk on that is not whole.
    raw: Vec<u8>,
    /// Body bytes that make no whole line yet.
    text: Vec<u8>,
    ended: bool,
}

impl ChunkedLines {
    /// Takes what was read, and hands each line that is whole now to `each`, without its line feed.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Unreadable> {
        self.raw.extend_from_slice(bytes);
        self.take_chunks()?;
        let mut taken = 0;
        for line in self.text.split_inclusive(|&byte| byte == b'\n') {
            let Some(line_text) = line.strip_suffix(b"\n") else { break };
            each(line_text);
            taken += line.len();
        }
        self.text.drain(..taken);
        Ok(())
    }

    /// Whether the last chunk has come.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    fn take_chunks(&mut self) -> Result<(), Unreadable> {
        let mut at = 0;
        while let Some((data, length)) = chunk(&self.raw[at..])? {
            self.ended |= data.is_empty();
            self.text.extend_from_slice(data);
            at += length;
        }
        self.raw.drain(..at);
        Ok(())
    }
}

/// The data of the chunk at the front of `input`, and the chunk's length in all; `None` while it is not whole.
fn chunk(input: &[u8]) -> Result<Option<(&[u8], usize)>, Unreadable> {
    let Some(size_end) = input.windows(LINE_END.len()).position(|window| window == LINE_END) else { return Ok(None) };
    let size = str::from_utf8(&input[..size_end]).map_err(|_| Unreadable)?;
    let size = usize::from_str_radix(size, 16).map_err(|_| Unreadable)?;
    let start = size_end + LINE_END.len();
    let end = start + size + LINE_END.len();
    Ok(input.get(start..end).map(|data| (&data[..size], end)))
}

const HEAD_END: &[u8] = b"\r\n\r\n";
const LINE_END: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_waited_for() {
        let input = b"HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1";
        for end in 0..49 {
            assert_eq!(Answer::decode(&input[..end]), Ok(None), "{end}");
        }
        let answer = Answer { status: 200, body: b"hi" };
        assert_eq!(Answer::decode(input), Ok(Some((answer, 49))));
        assert_eq!(Answer::decode(b"HTTP/1.1 200 OK\r\n\r\n"), Err(Unreadable));
        assert_eq!(Answer::decode(b"SSH-2.0\r\n\r\n"), Err(Unreadable));
    }

    #[test]
    fn lines_come_out_however_chunks_and_reads_are_cut() {
        let body = b"3\r\none\r\n9\r\n\ntwo\nthre\r\n2\r\ne\n\r\n0\r\n\r\n";
        for step in 1..=body.len() {
            let mut lines = ChunkedLines::default();
            let mut got = Vec::new();
            for part in body.chunks(step) {
                lines.feed(part, |line| got.push(String::from_utf8(line.to_vec()).unwrap())).unwrap();
            }
            assert_eq!(got, ["one", "two", "three"], "step {step}");
            assert!(lines.has_ended());
        }
    }
}

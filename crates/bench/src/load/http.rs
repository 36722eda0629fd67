//! One HTTP/1.1 request on one connection, as every hall makes it from its own browser.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that has not answered by then will not.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// No answer here is longer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `POST`, `DELETE`.
    pub method: &'a str,
    /// With a leading slash.
    pub path: &'a str,
    /// Of the body.
    pub content_type: &'a str,
    /// Bearer token.
    pub token: Option<&'a str>,
    /// May be empty.
    pub body: &'a str,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 201, …
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// Sends a request and reads the answer.
///
/// # Errors
/// When the server cannot be reached, or its answer is no HTTP.
pub fn send(to: SocketAddr, request: &Request<'_>) -> Result<Response> {
    let mut stream = TcpStream::connect_timeout(&to, ANSWER_WITHIN)
        .with_context(|| format!("no connection to {to}"))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_nodelay(true)?;
    let Request {
        method,
        path,
        content_type,
        token,
        body,
    } = request;
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let length = body.len();
    let message = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{token}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(message.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    parse(&answer).with_context(|| format!("{method} {path}"))
}

fn parse(answer: &[u8]) -> Result<Response> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .context("the answer ends in its head")?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
    ensure!(
        length.is_none_or(|length| length == body.len()),
        "the answer is cut short"
    );
    let is_chunked =
        header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    Ok(Response {
        status: status.context("the answer has no status")?,
        location: header("location"),
        body: if is_chunked {
            unchunked(body)?
        } else {
            body.to_owned()
        },
    })
}

/// RFC 9112 §7.1, without trailers.
fn unchunked(mut rest: &str) -> Result<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest
            .split_once("\r\n")
            .context("the answer ends in a chunk's size")?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).context("a chunk's size")?;
        if size == 0 {
            return Ok(body);
        }
        body.push_str(after.get(..size).context("the answer is cut short")?);
        let after = after
            .get(size..)
            .and_then(|after| after.strip_prefix("\r\n"));
        rest = after.context("the answer is cut short")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer =
            b"HTTP/1.1 201 Created\r\nlocation: /session/7\r\ncontent-length: 4\r\n\r\nv=0\n";
        let response = parse(answer).expect("an answer");
        assert_eq!((response.status, response.body.as_str()), (201, "v=0\n"));
        assert_eq!(response.location.as_deref(), Some("/session/7"));
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nv=0\n").is_err());
        assert!(parse(b"rubbish").is_err());
    }

    #[test]
    fn an_answer_in_chunks_is_put_together() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let read = |body: &str| parse(format!("{head}{body}").as_bytes());
        let whole = read("4\r\nv=0\n\r\n2;x=y\r\ns=\r\n0\r\n\r\n").expect("an answer");
        assert_eq!(whole.body, "v=0\ns=");
        for cut in [
            "",
            "4\r\nv=",
            "4\r\nv=0\n",
            "4\r\nv=0\n\r\n",
            "x\r\n",
            "ffffffffffffffffff\r\n",
        ] {
            assert!(read(cut).is_err(), "{cut:?}");
        }
    }
}

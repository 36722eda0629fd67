//! One HTTP/1.1 request on one connection, as every hall makes it from its own browser.

use anyhow::{Context, Result, bail, ensure};
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
    if header("transfer-encoding").is_some() {
        bail!("the answer is chunked, which this client does not read");
    }
    let length: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
    ensure!(
        length.is_none_or(|length| length == body.len()),
        "the answer is cut short"
    );
    Ok(Response {
        status: status.context("the answer has no status")?,
        location: header("location"),
        body: body.to_owned(),
    })
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
}

//! The web app, built and embedded: control room and hall page in one set of static files.
//!
//! **Invariant:** this crate knows files and nothing else: no HTTP server, no protocol, no state. Whoever serves it
//! answers [`file`] for a path that names a file and [`index`] for the app's own addresses (`/`, `/hall`, `/control/…`),
//! which the page resolves by itself.

/// One file of the web app.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its content.
    pub bytes: &'static [u8],
    /// The same content compressed (RFC 1952), where that pays; for clients that accept `gzip`.
    pub gzip: Option<&'static [u8]>,
    /// Value of `Content-Type` (RFC 9110 §8.3).
    pub content_type: &'static str,
    /// The name carries a hash of the content: it may be cached for ever. Everything else is asked for again each time.
    pub immutable: bool,
}

/// What a page of the app may load and do; value of `Content-Security-Policy`.
///
/// Relays answer WHIP and WHEP under addresses of their own, hence any `https:` for `connect-src`; plain `http:` and
/// `ws:` count on loopback only. Names of sites are text everywhere; should one slip through as markup, no script of it runs.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' https: wss: http://127.0.0.1:* \
     http://localhost:* ws://127.0.0.1:* ws://localhost:*; media-src 'self' blob: mediastream:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

type Entry = (&'static str, &'static [u8], Option<&'static [u8]>);

/// `(path, bytes, gzip)`, sorted by path; written by `build.rs`.
const FILES: &[Entry] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file at `path`, given with or without its leading slash: `assets/index-3f2a.js`, `/icon.svg`.
///
/// Only exact names match, so `..` and encoded slashes find nothing.
pub fn file(path: &str) -> Option<File> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let found = FILES
        .binary_search_by(|(name, ..)| (*name).cmp(path))
        .ok()?;
    FILES.get(found).map(to_file)
}

/// The page itself, for `/` and every address that the app resolves.
///
/// # Panics
/// Never: the build fails without `index.html`, and a test holds it.
pub fn index() -> File {
    file("index.html").expect("the build puts index.html into the table")
}

fn to_file((name, bytes, gzip): &Entry) -> File {
    File {
        bytes,
        gzip: *gzip,
        content_type: content_type(name),
        immutable: name.starts_with("assets/"),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json" | "webmanifest") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{FILES, file, index};

    #[test]
    fn the_page_and_everything_it_loads_are_embedded() {
        let page = String::from_utf8(index().bytes.to_vec()).expect("UTF-8");
        let loaded: Vec<&str> = page
            .split(['"'])
            .filter(|part| part.starts_with("/assets/") || part.starts_with("/icon"))
            .collect();
        assert!(
            loaded.iter().any(|path| path.contains(".js")),
            "no script in {page}"
        );
        for path in loaded {
            assert!(
                file(path).is_some(),
                "{path} is named by the page and not embedded"
            );
        }
    }

    #[test]
    fn files_with_a_hash_in_their_name_are_cached_for_ever_and_the_page_is_not() {
        assert!(!index().immutable);
        let (name, ..) = FILES
            .iter()
            .find(|(name, ..)| name.starts_with("assets/"))
            .expect("assets");
        assert!(file(name).expect("listed").immutable);
    }

    #[test]
    fn only_exact_names_are_found() {
        for path in [
            "",
            "/",
            "assets",
            "../index.html",
            "/assets/../index.html",
            "index.html/",
            "INDEX.HTML",
            "\0",
        ] {
            assert!(file(path).is_none(), "{path:?}");
        }
        assert_eq!(
            file("/index.html").expect("page").content_type,
            "text/html; charset=utf-8"
        );
    }

    /// On a slow line the page has to open: everything a first load takes stays under 150 KB compressed.
    #[test]
    fn a_first_load_is_small() {
        let total: usize = FILES
            .iter()
            .map(|(_, bytes, gzip)| gzip.unwrap_or(bytes).len())
            .sum();
        assert!(total < 150 * 1024, "{total} bytes compressed");
    }
}

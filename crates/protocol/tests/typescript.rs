//! The console's TypeScript types are committed; they have to be the ones these Rust types give today.
//!
//! `DIEMCAU_WRITE_TYPESCRIPT=1 cargo test -p protocol --test typescript` writes them anew.

use protocol::{
    ConferenceSummary, ConferenceView, FromHall, HeadCount, Join, JoinGrant, Live, Problem,
    SessionView, SignIn, SiteLink, SittingStep, ToHall, WatchGrant,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};
use ts_rs::{Config, TS};

const HELP: &str = "run: DIEMCAU_WRITE_TYPESCRIPT=1 cargo test -p protocol --test typescript";

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../console/web/src/protocol")
}

/// Writes every type that the console reads or writes, with all that they are made of.
fn export_to(dir: &Path) {
    // JSON numbers: every 64-bit count on the wire stays below 2^53.
    let config = Config::default().with_large_int("number").with_out_dir(dir);
    macro_rules! export {
        ($($name:ty),*) => { $( <$name>::export_all(&config).expect(stringify!($name)); )* };
    }
    export!(
        SignIn,
        SessionView,
        ConferenceSummary,
        ConferenceView,
        Live,
        SittingStep,
        HeadCount,
        SiteLink
    );
    export!(WatchGrant, Join, JoinGrant, ToHall, FromHall, Problem);
}

fn files_of(dir: &Path) -> BTreeMap<String, String> {
    let entries =
        fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}; {HELP}", dir.display()));
    entries
        .map(|entry| entry.expect("entry").path())
        .map(|path| {
            let name = path
                .file_name()
                .expect("name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

#[test]
fn the_committed_types_are_current() {
    if env::var_os("DIEMCAU_WRITE_TYPESCRIPT").is_some() {
        let _ = fs::remove_dir_all(committed());
        return export_to(&committed());
    }
    let fresh = tempfile::tempdir().expect("temporary directory");
    export_to(fresh.path());
    assert_eq!(files_of(&committed()), files_of(fresh.path()), "{HELP}");
}

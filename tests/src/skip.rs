//! A test that this machine cannot run says so, and is counted.
//!
//! libtest knows no skipping at run time: the test passes, and one line in the file named by
//! `DIEMCAU_SKIPPED` lets the test command subtract it. With `CI=true` there is no skipping: what
//! cannot run there is a failure.

use std::fs::OpenOptions;
use std::io::Write;

/// Environment variable with the file that collects one line for every skipped test.
pub const FILE_VARIABLE: &str = "DIEMCAU_SKIPPED";

/// Records that the running test is skipped.
///
/// # Panics
/// With `CI=true`, and when the file cannot be written: an uncounted skip would look like a pass.
pub fn record(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} cannot run here, and CI=true allows no skipping: {reason}"
    );
    eprintln!("SKIPPED {test}: {reason}");
    if let Ok(path) = std::env::var(FILE_VARIABLE) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        writeln!(file, "{test}: {reason}").unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// Ends the running test as skipped when one of these says what is missing (`Option<String>`).
#[macro_export]
macro_rules! needs {
    ($($missing:expr),+ $(,)?) => {
        $(
            if let Some(reason) = $missing {
                $crate::skip::record(&reason);
                return Ok(());
            }
        )+
    };
}

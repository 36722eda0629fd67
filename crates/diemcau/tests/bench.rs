//! `diemcau bench relay` from end to end, with few halls for a moment: what it finds is sane. How fast anything is does
//! not matter here; a benchmark is run by hand.

use serde_json::Value;
use std::process::Command;

#[test]
fn a_quick_run_measures_real_halls_and_misses_nothing() {
    let rows = "paced:3:1,burst:2:2,hall:2:1:sha1,audio:2:1";
    let output = Command::new(env!("CARGO_BIN_EXE_diemcau"))
        .args(["bench", "relay", "--quick", "--json", "--no-capacity"])
        .args(["--seconds", "0.5", "--rows", rows])
        .output()
        .expect("diemcau starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(report["machine"]["cores"].as_u64() > Some(0), "{report}");
    let found = report["rows"].as_array().expect("rows");
    assert_eq!(found.len(), 4, "{told}");
    for row in found {
        let number = |path: &str| {
            row.pointer(path)
                .and_then(Value::as_f64)
                .unwrap_or_else(|| panic!("{path} in {row}"))
        };
        for more_than_nothing in [
            "/cpu_us_per_packet",
            "/floor_us_per_packet",
            "/ratio_to_floor",
            "/join_cpu_ms",
            "/packets",
        ] {
            assert!(
                number(more_than_nothing) > 0.0,
                "{more_than_nothing}: {row}"
            );
        }
        if row["case"] != "audio" {
            assert!(number("/first_key_frame_ms/p99") > 0.0, "{row}");
        }
        assert!(number("/delay_ms/p50") <= number("/delay_ms/max"), "{row}");
        for nothing in ["/holes", "/auth_failures"] {
            assert!(number(nothing) < 1.0, "{nothing}: {row}\n{told}");
        }
    }
}

#[test]
fn a_row_that_cannot_be_is_refused_with_an_example() {
    let output = Command::new(env!("CARGO_BIN_EXE_diemcau"))
        .args(["bench", "relay", "--rows", "fast:100:1"])
        .output()
        .expect("diemcau starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && told.contains("paced:100:1"),
        "{told}"
    );
}

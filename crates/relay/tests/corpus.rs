//! What the fuzz targets begin with, and thousands of mutations of it, on the stable compiler: every run of the tests
//! is a short run of the fuzzer. `tests/fuzz/README.md` tells how to let it run for longer.
//!
//! A failure prints the target and the seed; `DIEMCAU_FUZZ_SEED` and `DIEMCAU_FUZZ_RUNS` repeat or prolong it.

use relay::fuzzing::{INPUT_BYTES_MAX, TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

/// Mutations per target.
const RUNS: u64 = 3000;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(name))
        .unwrap_or_else(|error| panic!("no corpus for {name}: {error}"))
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let read = |file: PathBuf| std::fs::read(file).expect("readable");
    files.into_iter().map(read).collect()
}

/// What the fuzzer can be started with, by name.
fn fuzz_targets() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/fuzz_targets");
    let name = |file: PathBuf| file.file_stem()?.to_str().map(str::to_owned);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the targets")
        .filter_map(|entry| name(entry.expect("a file").path()))
        .collect();
    names.sort();
    names
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

/// One of the corpus, changed in a few places the way fuzzers change things.
fn mutation(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = corpus[dice.roll(corpus.len())].clone();
    for _ in 0..=dice.roll(6) {
        let (at, other) = (dice.roll(bytes.len()), dice.roll(corpus.len()));
        let end = (at + 1 + dice.roll(32)).min(bytes.len());
        match dice.roll(8) {
            _ if bytes.is_empty() => bytes.extend_from_slice(&corpus[other]),
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = dice.roll(256) as u8,
            2 => bytes[at] = [0, 1, 127, 128, 254, 255][dice.roll(6)],
            3 => drop(bytes.drain(at..end)),
            4 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => bytes.truncate(at),
            6 => {
                // Here the one, from there on the other.
                let tail = corpus[other].get(at..).unwrap_or_default();
                bytes.truncate(at);
                bytes.extend_from_slice(tail);
            }
            _ => bytes[at..end].fill(dice.roll(256) as u8),
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn number(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

fn replay((name, run): Target) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} begins with nothing");
    for bytes in &corpus {
        run(bytes);
    }
    let first = number("DIEMCAU_FUZZ_SEED", 0);
    for seed in first..first + number("DIEMCAU_FUZZ_RUNS", RUNS) {
        let bytes = mutation(&corpus, &mut Dice(seed));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&bytes))) {
            eprintln!(
                "{name}, seed {seed}, {} bytes: {}",
                bytes.len(),
                hex(&bytes)
            );
            resume_unwind(panic);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

fn target(wanted: &str) -> Target {
    let mut targets = TARGETS.into_iter();
    let found = targets.find(|(name, _)| *name == wanted);
    found.expect("a target of this name")
}

/// A test of its own for each, so that they run side by side and fail by name.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(target(stringify!($name)));
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            assert!(TARGETS.iter().all(|(name, _)| replayed.contains(name)));
            assert_eq!(TARGETS.len(), replayed.len());
        }

        #[test]
        fn every_target_is_one_of_the_fuzzers_too() {
            let mut replayed = vec![$(stringify!($name)),*];
            replayed.sort_unstable();
            assert_eq!(fuzz_targets(), replayed);
        }
    };
}

targets!(stun sdp rtp rtcp srtp dtls core whip);

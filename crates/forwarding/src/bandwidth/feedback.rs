//! The feedback message: which packets of a leg arrived, and when.

/// Steps of a delta in one step of the reference time: 64 ms / 250 µs.
pub(super) const TICKS_PER_REFERENCE: u64 = 256;
/// A tick in microseconds.
pub(super) const TICK_US: u64 = 250;

const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;

/// Longest run of one chunk: 13 bits.
const RUN_MAX: usize = 0x1fff;
/// Symbols in a status vector of one bit, and of two.
const ONE_BIT_SYMBOLS: usize = 14;
const TWO_BIT_SYMBOLS: usize = 7;

/// A feedback message that is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transport-wide feedback is malformed")]
pub struct Malformed;

/// What one feedback message says (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): for `count`
/// transport-wide sequence numbers from `base` on, which arrived and when.
///
/// **Invariant:** the arrivals ascend by offset, and every offset is below `count`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    pub(super) base: u16,
    pub(super) count: u16,
    /// Steps of 64 ms of the receiver's clock, 24 bits.
    pub(super) reference: u32,
    /// Rises by one with every message.
    pub(super) number: u8,
    pub(super) arrivals: Vec<Arrived>,
}

/// One packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Its sequence number, counted from the base.
    pub(super) offset: u16,
    /// After the packet before it in this message (the first: after the reference time), steps of 250 µs.
    pub(super) delta: i16,
}

impl Feedback {
    /// The first sequence number told about.
    pub fn base(&self) -> u16 {
        self.base
    }

    /// How many sequence numbers are told about.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// How many of them arrived.
    pub fn received(&self) -> usize {
        self.arrivals.len()
    }

    /// Those that arrived, ascending: offset from the base, and arrival in steps of 250 µs since the
    /// reference time; a packet overtaken by later ones may lie before it.
    pub fn arrivals(&self) -> impl Iterator<Item = (u16, i64)> + '_ {
        let mut at = 0;
        self.arrivals.iter().map(move |arrived| {
            at += i64::from(arrived.delta);
            (arrived.offset, at)
        })
    }

    /// Appends the message as it stands behind the two SSRCs of its RTCP packet; without the padding to a
    /// whole word.
    pub fn write(&self, out: &mut Vec<u8>) {
        let [_, r0, r1, r2] = self.reference.to_be_bytes();
        out.extend_from_slice(&self.base.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&[r0, r1, r2, self.number]);
        let symbols = self.symbols();
        let mut rest = symbols.as_slice();
        while !rest.is_empty() {
            let (chunk, covered) = next_chunk(rest);
            out.extend_from_slice(&chunk.to_be_bytes());
            rest = rest.get(covered..).unwrap_or_default();
        }
        for arrived in &self.arrivals {
            match u8::try_from(arrived.delta) {
                Ok(small) => out.push(small),
                Err(_) => out.extend_from_slice(&arrived.delta.to_be_bytes()),
            }
        }
    }

    /// Reads what stands behind the two SSRCs into this message, whose room is used again.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.arrivals.clear();
        let (&[b0, b1, c0, c1, r0, r1, r2, number], body) =
            bytes.split_first_chunk().ok_or(Malformed)?;
        self.base = u16::from_be_bytes([b0, b1]);
        self.count = u16::from_be_bytes([c0, c1]);
        self.reference = u32::from_be_bytes([0, r0, r1, r2]);
        self.number = number;
        let deltas = self.read_chunks(body)?;
        self.read_deltas(deltas)
    }

    /// Notes which arrived, the size of its delta in its place; returns what follows the chunks.
    fn read_chunks<'a>(&mut self, mut body: &'a [u8]) -> Result<&'a [u8], Malformed> {
        let mut told = 0_u16;
        while told < self.count {
            let (&[c0, c1], rest) = body.split_first_chunk().ok_or(Malformed)?;
            let chunk = u16::from_be_bytes([c0, c1]);
            let left = self.count - told;
            let covered = match chunk >> 14 {
                0b10 => self.read_vector(chunk, told, left, 1)?,
                0b11 => self.read_vector(chunk, told, left, 2)?,
                _ => {
                    let run = (chunk & RUN_MAX as u16).min(left);
                    // Every delta takes a byte: a longer run of arrivals is a lie, and would cost memory.
                    if chunk >> 13 != 0 && usize::from(run) > rest.len() {
                        return Err(Malformed);
                    }
                    self.read_run((chunk >> 13) as u8, told..told + run)?;
                    run
                }
            };
            told += covered;
            body = rest;
        }
        Ok(body)
    }

    fn read_vector(
        &mut self,
        chunk: u16,
        told: u16,
        left: u16,
        bits: u16,
    ) -> Result<u16, Malformed> {
        let symbols = 14 / bits;
        let covered = symbols.min(left);
        for place in 0..covered {
            let symbol = (chunk >> (14 - bits * (place + 1))) & ((1 << bits) - 1);
            self.read_run(symbol as u8, told + place..told + place + 1)?;
        }
        Ok(covered)
    }

    fn read_run(&mut self, symbol: u8, offsets: std::ops::Range<u16>) -> Result<(), Malformed> {
        let delta_bytes = match symbol {
            NOT_RECEIVED => return Ok(()),
            SMALL_DELTA => 1,
            LARGE_DELTA => 2,
            _ => return Err(Malformed),
        };
        self.arrivals.extend(offsets.map(|offset| Arrived {
            offset,
            delta: delta_bytes,
        }));
        Ok(())
    }

    fn read_deltas(&mut self, mut deltas: &[u8]) -> Result<(), Malformed> {
        for arrived in &mut self.arrivals {
            let (delta, rest) = match (arrived.delta, deltas) {
                (1, [small, rest @ ..]) => (i16::from(*small), rest),
                (2, [high, low, rest @ ..]) => (i16::from_be_bytes([*high, *low]), rest),
                _ => return Err(Malformed),
            };
            arrived.delta = delta;
            deltas = rest;
        }
        Ok(())
    }

    fn symbols(&self) -> Vec<u8> {
        let mut symbols = vec![NOT_RECEIVED; usize::from(self.count)];
        for arrived in &self.arrivals {
            if let Some(symbol) = symbols.get_mut(usize::from(arrived.offset)) {
                *symbol = match u8::try_from(arrived.delta) {
                    Ok(_) => SMALL_DELTA,
                    Err(_) => LARGE_DELTA,
                };
            }
        }
        symbols
    }
}

/// The chunk that says most of what comes next, and how many symbols it covers.
fn next_chunk(symbols: &[u8]) -> (u16, usize) {
    let first = symbols.first().copied().unwrap_or(NOT_RECEIVED);
    let run = symbols
        .iter()
        .take(RUN_MAX)
        .take_while(|symbol| **symbol == first)
        .count();
    let one_bit = symbols
        .iter()
        .take(ONE_BIT_SYMBOLS)
        .take_while(|symbol| **symbol != LARGE_DELTA)
        .count();
    let two_bit = symbols.len().min(TWO_BIT_SYMBOLS);
    if run >= one_bit.max(two_bit) {
        (u16::from(first) << 13 | run as u16, run)
    } else if one_bit >= two_bit && (one_bit == ONE_BIT_SYMBOLS || one_bit == symbols.len()) {
        (0x8000 | vector(symbols, one_bit, 1), one_bit)
    } else {
        (0xc000 | vector(symbols, two_bit, 2), two_bit)
    }
}

/// The symbols from the highest of 14 bits down; what is left over stays "not received".
fn vector(symbols: &[u8], count: usize, bits: usize) -> u16 {
    symbols
        .iter()
        .take(count)
        .enumerate()
        .fold(0, |vector, (place, symbol)| {
            vector | u16::from(*symbol) << (14 - bits * (place + 1))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(statuses: &[Option<i16>]) -> Feedback {
        let arrivals = statuses.iter().enumerate();
        Feedback {
            base: 65_530,
            count: statuses.len() as u16,
            reference: 0x00ab_cdef,
            number: 7,
            arrivals: arrivals
                .filter_map(|(offset, delta)| {
                    delta.map(|delta| Arrived {
                        offset: offset as u16,
                        delta,
                    })
                })
                .collect(),
        }
    }

    fn written(feedback: &Feedback) -> Vec<u8> {
        let mut bytes = Vec::new();
        feedback.write(&mut bytes);
        bytes
    }

    /// Mostly runs, as on a real line, so that every kind of chunk is made.
    fn statuses() -> impl Strategy<Value = Vec<Option<i16>>> {
        let one = prop_oneof![
            4 => (0..256_i16).prop_map(Some),
            1 => any::<i16>().prop_map(Some),
            2 => Just(None),
        ];
        let run = (
            one,
            prop_oneof![4 => 1..4_usize, 2 => 5..40_usize, 1 => 100..9_000_usize],
        );
        prop::collection::vec(run, 0..12).prop_map(|runs| {
            runs.into_iter()
                .flat_map(|(status, len)| std::iter::repeat_n(status, len))
                .collect()
        })
    }

    #[test]
    fn a_message_is_laid_out_as_the_draft_says() {
        let mut lost_between = vec![Some(4); 20];
        lost_between.extend([None, Some(-2), Some(300)]);
        let bytes = written(&message(&lost_between));
        // Twenty small deltas; then in two bits each: not received, large, large.
        let chunks = [0x2014, 0xca00];
        assert_eq!(bytes[..8], [0xff, 0xfa, 0, 23, 0xab, 0xcd, 0xef, 7]);
        assert_eq!(bytes[8..10], u16::to_be_bytes(chunks[0]), "a run");
        assert_eq!(bytes[10..12], u16::to_be_bytes(chunks[1]), "two bits each");
        assert_eq!(bytes[12..32], [4; 20]);
        assert_eq!(bytes[32..], [0xff, 0xfe, 0x01, 0x2c]);
        let mut alternating = [Some(1), None].repeat(7);
        alternating.truncate(14);
        let vector = 0b10_1010_1010_1010_u16 | 0x8000;
        let bytes = written(&message(&alternating));
        assert_eq!(bytes[8..10], vector.to_be_bytes(), "one bit each");
    }

    #[test]
    fn counts_that_lie_are_refused() {
        let mut feedback = Feedback::default();
        let header = |count: u16| {
            let [c0, c1] = count.to_be_bytes();
            vec![0, 1, c0, c1, 0, 0, 0, 0]
        };
        assert_eq!(feedback.read(&header(1)), Err(Malformed), "no chunk");
        let mut all_arrived = header(u16::MAX);
        for _ in 0..9 {
            all_arrived.extend([0x3f, 0xff]);
        }
        assert_eq!(feedback.read(&all_arrived), Err(Malformed), "no deltas");
        let mut reserved = header(1);
        reserved.extend([0x60, 1, 0, 0]);
        assert_eq!(feedback.read(&reserved), Err(Malformed), "reserved symbol");
        let mut empty_runs = header(u16::MAX);
        empty_runs.extend([0; 2_000]);
        assert_eq!(feedback.read(&empty_runs), Err(Malformed));
        let mut nothing = header(u16::MAX);
        nothing.extend([0x1f, 0xff].repeat(9));
        assert_eq!(feedback.read(&nothing), Ok(()), "an outage is no lie");
        assert_eq!((feedback.count(), feedback.received()), (u16::MAX, 0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(statuses in statuses()) {
            let statuses = &statuses[..statuses.len().min(usize::from(u16::MAX))];
            let sent = message(statuses);
            let mut bytes = written(&sent);
            // RTCP pads to whole words.
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            let mut read = message(&[Some(1); 3]);
            prop_assert_eq!(read.read(&bytes), Ok(()));
            prop_assert_eq!(read, sent);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut feedback = Feedback::default();
            if feedback.read(&bytes).is_ok() {
                prop_assert!(feedback.arrivals().all(|(offset, _)| offset < feedback.count()));
                prop_assert!(feedback.received() <= bytes.len());
            }
        }
    }
}

//! Medians and percentiles.

/// Delays in steps of 10 µs up to 2 s; what is longer counts as 2 s.
#[derive(Clone, Debug)]
pub struct Histogram {
    steps: Vec<u32>,
    count: u64,
    max_us: u64,
}

const STEP_US: u64 = 10;
const STEPS: usize = 200_000;

impl Default for Histogram {
    fn default() -> Self {
        Self {
            steps: vec![0; STEPS],
            count: 0,
            max_us: 0,
        }
    }
}

impl Histogram {
    /// Counts a delay.
    pub fn add(&mut self, us: u64) {
        let at = usize::try_from(us / STEP_US).map_or(STEPS - 1, |at| at.min(STEPS - 1));
        self.steps[at] = self.steps[at].saturating_add(1);
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.steps.fill(0);
        self.count = 0;
        self.max_us = 0;
    }

    /// The delay that `share` (0 to 1) of all do not exceed, in milliseconds, rounded up to a step; 0 when none was counted.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut sum = 0;
        for (at, count) in self.steps.iter().enumerate() {
            sum += u64::from(*count);
            if sum >= wanted {
                let upper_us = ((at as u64 + 1) * STEP_US).min(self.max_us);
                return upper_us as f64 / 1e3;
            }
        }
        0.0
    }

    /// The longest, in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.max_us as f64 / 1e3
    }
}

/// The value that `share` (0 to 1) of all do not exceed (nearest rank); 0 when there is none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() as f64 * share).ceil() as usize).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// The value in the middle, or between the two there; 0 when there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.get(half) {
        None => 0.0,
        Some(upper) if sorted.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(sorted[half - 1], *upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(percentile(&values, 0.5), 50.0) && close(percentile(&values, 0.99), 99.0));
        assert!(close(percentile(&values, 1.0), 100.0) && close(percentile(&[], 0.5), 0.0));
        assert!(
            close(median(&values), 50.5)
                && close(median(&[3.0, 1.0, 2.0]), 2.0)
                && close(median(&[]), 0.0)
        );
    }

    #[test]
    fn a_histogram_answers_to_its_step_and_never_more_than_the_longest() {
        let mut histogram = Histogram::default();
        for us in 1..=1_000 {
            histogram.add(us * 10);
        }
        let close = |a: f64, b: f64| (a - b).abs() <= 0.011;
        assert!(
            close(histogram.percentile_ms(0.5), 5.0),
            "{}",
            histogram.percentile_ms(0.5)
        );
        assert!(close(histogram.percentile_ms(0.99), 9.9));
        assert!(close(histogram.percentile_ms(1.0), 10.0) && close(histogram.max_ms(), 10.0));
        histogram.add(u64::MAX / 2);
        assert!(histogram.percentile_ms(1.0) >= 2_000.0);
        histogram.clear();
        assert!(histogram.percentile_ms(0.5).abs() < 1e-9);
    }
}

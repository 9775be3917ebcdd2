//! Whether memory grows.

/// Samples at equal distances.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

/// How the samples behaved, relative to their mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) mean: f64,
    pub(crate) most: f64,
    /// The growth of the least-squares line through all samples, from the first to the last sample.
    pub(crate) trend: f64,
    /// The difference between the mean of the last tenth and the mean of all samples.
    pub(crate) end: f64,
}

impl Samples {
    pub(crate) fn push(&mut self, sample: u64) {
        self.0.push(sample as f64);
    }

    /// The samples without the first ones.
    pub(crate) fn course(&self, skipped: usize) -> Course {
        let samples = &self.0[skipped..];
        let mean = mean(samples);
        let middle = (samples.len() - 1) as f64 / 2.0;
        let (mut above, mut below) = (0.0, 0.0);
        for (at, sample) in samples.iter().enumerate() {
            let at = at as f64 - middle;
            above += at * (sample - mean);
            below += at * at;
        }
        let last = &samples[samples.len() - samples.len().div_ceil(10)..];
        Course {
            mean,
            most: samples.iter().copied().fold(0.0, f64::max),
            trend: above / below * 2.0 * middle / mean,
            end: self::mean(last) / mean - 1.0,
        }
    }
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

#[test]
fn what_grows_has_a_trend_and_what_swings_has_none() {
    let course = |samples: Vec<u64>| {
        let mut all = Samples::default();
        samples.into_iter().for_each(|sample| all.push(sample));
        all.course(10)
    };
    let flat = course((0..210).map(|at| 1000 + at % 2).collect());
    assert!(flat.trend.abs() < 0.001 && flat.end.abs() < 0.001, "{flat:?}");
    let growing = course((0..211).map(|at| 900 + at).collect());
    assert!((growing.trend - 0.2).abs() < 0.01 && growing.end > 0.08, "{growing:?}");
}

//! Half of the gateway's maximum load for a long time, while everything around it changes and fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::PATIENCE;
use crate::callers::cards::{Card, all_cards};
use crate::callers::{Load, Probe, Tally, call};
use crate::gate::{Gate, Reading};
use crate::memory::{Course, Samples};
use crate::provider::Provider;
use crate::rules::{Rules, Writes, callers};
use crate::upstream::Upstreams;

/// The default of `MODELGATE_SOAK_SECONDS`.
const SECONDS: u64 = 1800;
const MEASURING: Duration = Duration::from_secs(5);
/// Callers that never wait are few. Callers with a fixed pace must be so many that slow responses do not delay the
/// others.
const EAGER: usize = 32;
const STEADY: usize = 192;
/// The pause between two sets of rules, and between two rotations.
const BETWEEN: Duration = Duration::from_secs(3);
/// The allowed growth of memory after the warm-up.
const GROWTH: f64 = 0.05;
/// The allowed growth in a run that is too short to distinguish a leak from a heap that settles.
const SHORT_GROWTH: f64 = 0.25;
const SHORT: u64 = 300;

/// The gateway and its surroundings.
struct Stage {
    gate: Gate,
    upstreams: Upstreams,
    provider: Arc<Provider>,
    rules: Arc<Rules>,
    deck: Arc<Vec<Card>>,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn set(time: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (upstreams, provider) =
            (Upstreams::start().await, Arc::new(Provider::start(callers(), time).await));
        let rules = Arc::new(Rules::new(directory.path(), &upstreams));
        let gate = Gate::start(rules.file(), &provider.url);
        let deck = Arc::new(all_cards(&rules));
        Self { gate, upstreams, provider, rules, deck, _directory: directory }
    }

    fn probe(&self) -> Probe {
        Probe::new(self.gate.address, &self.provider)
    }

    fn load(&self, quick: bool, time: Duration, pace: Duration) -> Arc<Load> {
        let played = (0..self.deck.len()).filter(|at| !quick || self.deck[*at].is_quick()).collect();
        Arc::new(Load {
            address: self.gate.address,
            provider: Arc::clone(&self.provider),
            rules: Arc::clone(&self.rules),
            deck: Arc::clone(&self.deck),
            played,
            turn: AtomicU64::new(0),
            began: Instant::now(),
            time,
            pace,
        })
    }

    /// Waits until no request is in flight and the process uses no more than before.
    async fn wait_until_idle(&mut self, before: Reading) -> Duration {
        let began = Instant::now();
        let patient = || assert!(began.elapsed() < PATIENCE, "something is stuck");
        while self.gate.metric("modelgate_requests_in_flight").await != 0.0
            || self.upstreams.answers.load(Ordering::Relaxed) > 0
        {
            patient();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The connections that are kept for later calls.
        self.upstreams.stop().await;
        loop {
            let now = self.gate.reading();
            if now.descriptors <= before.descriptors && now.threads <= before.threads {
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "{now:?} afterwards, {before:?} before");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn send(load: &Arc<Load>, callers: usize) -> Vec<JoinHandle<Tally>> {
    (0..callers).map(|_| tokio::spawn(call(Arc::clone(load)))).collect()
}

async fn ended(callers: Vec<JoinHandle<Tally>>) -> Tally {
    let mut tally = Tally::default();
    for caller in callers {
        tally.add(caller.await.unwrap());
    }
    tally
}

pub(crate) async fn soak() {
    let seconds = std::env::var("MODELGATE_SOAK_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let time = Duration::from_secs(seconds);
    let mut stage = Stage::set(time).await;
    stage.probe().set().await;
    let before = stage.gate.reading();

    // The first of the two runs fills caches.
    let mut capacity = 0.0;
    for _ in 0..2 {
        let began = Instant::now();
        let tally = ended(send(&stage.load(true, MEASURING, Duration::ZERO), EAGER)).await;
        assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
        capacity = tally.count() as f64 / began.elapsed().as_secs_f64();
    }

    let load = stage.load(false, time, Duration::from_secs_f64(2.0 / capacity));
    let (at_first, callers) = (stage.gate.reading(), send(&load, STEADY));
    let (memory, writes, rotations) = change_surroundings(&stage, time).await;
    let tally = ended(callers).await;
    let (took, spent) = (load.began.elapsed(), stage.gate.reading().time - at_first.time);
    let quiet = stage.wait_until_idle(before).await;
    let panics = stage.gate.panics();
    assert!(stage.gate.stop().await.success());

    let course = memory.course(usize::try_from(seconds / 3).unwrap());
    let rate = tally.count() as f64 / time.as_secs_f64();
    report(&tally, &writes, &course, rotations);
    println!(
        "| capacity, closed loop | {capacity:.0} requests per second |\n\
         | sent, open loop | {rate:.0} requests per second for {:.0} s |\n\
         | processor time of the gateway | {:.2} cores |\n\
         | quiet again | {:.1} s after the last request |",
        time.as_secs_f64(),
        spent.as_secs_f64() / took.as_secs_f64(),
        quiet.as_secs_f64(),
    );
    assert!(
        tally.wrong.is_empty(),
        "{} wrong answers, such as {:#?}",
        tally.wrong.len(),
        tally.wrong.first()
    );
    assert_eq!(panics, 0);
    assert!(rate >= 0.9 * capacity / 2.0, "{rate:.0} requests per second are too few to say anything");
    let growth = if seconds < SHORT { SHORT_GROWTH } else { GROWTH };
    assert!(course.trend <= growth && course.end <= growth, "memory grows: {course:?}");
}

/// Until the time is over, rules change, keys rotate and the provider fails, each at its own pace.
async fn change_surroundings(stage: &Stage, time: Duration) -> (Samples, Writes, u64) {
    let over = AtomicBool::new(false);
    let goes_on = || !over.load(Ordering::Relaxed);
    let rules = async {
        let (mut probe, mut writes) = (stage.probe(), Writes::default());
        while goes_on() {
            stage.rules.change(&stage.gate, &mut probe, &mut writes).await;
            tokio::time::sleep(BETWEEN).await;
        }
        writes
    };
    let keys = async {
        let (mut probe, mut rotations) = (stage.probe(), 0);
        while goes_on() {
            stage.provider.rotate(&mut probe).await;
            tokio::time::sleep(BETWEEN).await;
            if rotations % 3 == 0 {
                stage.provider.fail(rotations / 3).await;
            }
            rotations += 1;
        }
        rotations
    };
    let watching = async {
        let (mut memory, began) = (Samples::default(), Instant::now());
        while began.elapsed() < time {
            memory.push(stage.gate.reading().resident_kib);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        over.store(true, Ordering::Relaxed);
        memory
    };
    let (memory, writes, rotations) = tokio::join!(watching, rules, keys);
    (memory, writes, rotations)
}

fn report(tally: &Tally, writes: &Writes, course: &Course, rotations: u64) {
    println!("| outcome | requests |\n|---|---|");
    for (name, count) in &tally.outcomes {
        println!("| {name} | {count} |");
    }
    let mut times = tally.times.clone();
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("\n| measured | |\n|---|---|");
    println!("| wrong answers, stuck ones among them | {} of {} |", tally.wrong.len(), tally.count());
    println!(
        "| a plain answer | {:.2} ms in the median, {:.2} ms at the 99th percentile |",
        at(0.5),
        at(0.99)
    );
    println!(
        "| rules | {} times activated, {} times refused, visible after at most {} ms |",
        writes.good,
        writes.bad,
        writes.slowest.as_millis()
    );
    println!("| keys | {rotations} rotations, {} failures of the provider |", rotations.div_ceil(3));
    println!(
        "| resident memory behind the first third | {:.1} MiB in the mean, {:.1} MiB at most; trend {:+.1} %, last tenth {:+.1} % |",
        course.mean / 1024.0,
        course.most / 1024.0,
        course.trend * 100.0,
        course.end * 100.0
    );
}

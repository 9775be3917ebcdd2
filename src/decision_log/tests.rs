//! What the log contains, where it is written, and what happens when writing fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tempfile::TempDir;

use super::{Chain, DecisionLog, DecisionLogError, Input, Line, LoggedCaller, Verdict};
use crate::config;
use crate::request::ModelUse;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(directory: &TempDir) -> config::DecisionLog {
    config::DecisionLog {
        stdout: false,
        file: Some(directory.path().join("log")),
        max_bytes: 1 << 20,
        keep: 3,
        sample_allowed: 1.0,
        mask: Vec::new(),
        chain: true,
        replayable: false,
    }
}

fn line(id: &str) -> Line {
    Line {
        time: SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_001),
        request_id: id.to_owned(),
        verdict: Verdict::Denied,
        status: Some(403),
        code: Some("permission_denied".into()),
        rule: Some("R2.model".into()),
        reason: None,
        policies: vec!["p".into()],
        shadow: Vec::new(),
        generation: 7,
        decision_us: Some(12),
        caller: None,
        method: "POST".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        models: vec!["gpt-4o".to_owned()],
        mode: None,
        unenforced: None,
        shadow_config: None,
        sample: None,
        served: None,
        dropped: None,
        access: None,
        input: None,
    }
}

/// Writes lines with these ids, and closes the log.
async fn write(settings: &config::DecisionLog, ids: impl IntoIterator<Item = usize>) {
    let log = DecisionLog::start(settings).unwrap();
    for id in ids {
        log.write(Box::new(line(&format!("id-{id}"))));
    }
    assert!(log.flush(PATIENCE).await);
    end(log, settings);
}

/// The thread ends, and releases its lock, some time after its handle is dropped.
fn end(log: DecisionLog, settings: &config::DecisionLog) {
    drop(log);
    let path = settings.file.as_ref().unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while fs::File::open(path).unwrap().try_lock().is_err() {
        assert!(std::time::Instant::now() < deadline, "the thread does not end");
        std::thread::yield_now();
    }
}

/// The ids in the files, oldest first. Their lines must be one chain.
fn chained_ids(paths: &[PathBuf]) -> Vec<String> {
    let mut chain = Chain::default();
    let mut ids = Vec::new();
    for text in paths.iter().map(|path| fs::read_to_string(path).unwrap()) {
        for text in text.lines() {
            chain.follow(text.as_bytes()).unwrap();
            ids.push(serde_json::from_str::<Line>(text).unwrap().request_id);
        }
    }
    ids
}

fn older(path: &Path, n: usize) -> PathBuf {
    PathBuf::from(format!("{}.{n}", path.display()))
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|id| format!("id-{id}")).collect()
}

#[tokio::test]
async fn a_line_cannot_move_the_cursor_of_who_reads_it() {
    let directory = TempDir::new().unwrap();
    let log = DecisionLog::start(&settings(&directory)).unwrap();
    let harmful = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}é";
    log.write(Box::new(line(harmful)));
    assert!(log.flush(PATIENCE).await);
    let text = fs::read_to_string(directory.path().join("log")).unwrap();
    let shown = text.trim_end_matches('\n');
    assert!(!shown.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)), "{shown:?}");
    // The parsed line has the same content, and its hash fits the written bytes.
    let read: serde_json::Value = serde_json::from_str(shown).unwrap();
    assert_eq!(read["request_id"], harmful);
    Chain::default().follow(shown.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_line_is_what_was_handed_over_in_a_fixed_order() {
    let directory = tempfile::tempdir().unwrap();
    let settings = config::DecisionLog { chain: false, ..settings(&directory) };
    write(&settings, [1]).await;
    let text = fs::read_to_string(settings.file.as_ref().unwrap()).unwrap();
    assert_eq!(
        text,
        "{\"time\":\"2023-11-14T22:13:20.000001Z\",\"request_id\":\"id-1\",\"verdict\":\"denied\",\"status\":403,\
         \"code\":\"permission_denied\",\"rule\":\"R2.model\",\"reason\":null,\"policies\":[\"p\"],\"shadow\":[],\
         \"generation\":7,\"decision_us\":12,\"caller\":null,\"method\":\"POST\",\
         \"route\":\"/v1/chat/completions\",\"models\":[\"gpt-4o\"]}\n"
    );
    assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line("id-1"));
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    write(&settings, [1]).await;
    let mode = fs::metadata(settings.file.unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_chain_goes_on_over_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    for start in [0, 3, 6] {
        write(&settings, start..start + 3).await;
    }
    assert_eq!(chained_ids(&[settings.file.unwrap()]), ids(0..9));
}

#[tokio::test]
async fn a_full_file_is_put_aside_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let settings = config::DecisionLog { max_bytes: 4096, ..settings(&directory) };
    write(&settings, 0..20).await;
    let path = settings.file.clone().unwrap();
    write(&settings, 20..30).await;
    let files = [older(&path, 3), older(&path, 2), older(&path, 1), path];
    let found = chained_ids(&files);
    assert_eq!(found, ids(30 - found.len()..30));
    for file in &files {
        assert!(fs::metadata(file).unwrap().len() <= 4096);
    }
}

#[tokio::test]
async fn no_more_files_are_kept_than_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    for keep in [0, 1, 2] {
        let log = directory.path().join(keep.to_string());
        fs::create_dir(&log).unwrap();
        let file = Some(log.join("log"));
        let settings = config::DecisionLog { max_bytes: 4096, keep, file, ..settings(&directory) };
        write(&settings, 0..60).await;
        assert_eq!(fs::read_dir(log).unwrap().count(), keep as usize + 1);
    }
}

#[tokio::test]
async fn the_chain_goes_on_after_a_file_that_was_just_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    write(&settings, 0..2).await;
    let path = settings.file.clone().unwrap();
    fs::rename(&path, older(&path, 1)).unwrap();
    write(&settings, 2..4).await;
    assert_eq!(chained_ids(&[older(&path, 1), path]), ids(0..4));
}

#[tokio::test]
async fn a_line_that_a_crash_cut_short_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    write(&settings, 0..2).await;
    let path = settings.file.clone().unwrap();
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"time\":\"20");
    fs::write(&path, text).unwrap();
    write(&settings, 2..3).await;
    assert_eq!(chained_ids(&[path]), ids(0..3));
}

#[tokio::test]
async fn a_log_that_had_no_chain_is_put_aside_for_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    write(&config::DecisionLog { chain: false, ..settings.clone() }, 0..2).await;
    write(&settings, 2..4).await;
    let path = settings.file.unwrap();
    assert_eq!(chained_ids(std::slice::from_ref(&path)), ids(2..4));
    assert_eq!(fs::read_to_string(older(&path, 1)).unwrap().lines().count(), 2);
}

#[test]
fn two_processes_never_write_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    let _first = DecisionLog::start(&settings).unwrap();
    assert!(matches!(DecisionLog::start(&settings), Err(DecisionLogError::Taken { .. })));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = Some(directory.path().join("none/log"));
    let settings = config::DecisionLog { file, ..settings(&directory) };
    assert!(matches!(DecisionLog::start(&settings), Err(DecisionLogError::Open { .. })));
}

#[tokio::test]
async fn lines_that_cannot_be_written_are_counted_and_reported() {
    // Every write to this device fails, as on a full disk.
    let directory = tempfile::tempdir().unwrap();
    let file = Some(PathBuf::from("/dev/full"));
    let log = DecisionLog::start(&config::DecisionLog { file, ..settings(&directory) }).unwrap();
    log.write(Box::new(line("a")));
    assert!(log.flush(PATIENCE).await);
    assert_eq!((log.written(), log.dropped()), (0, 1));
}

#[tokio::test]
async fn a_sink_that_stalls_delays_nobody_and_the_next_line_says_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let settings = config::DecisionLog { chain: false, ..settings(&directory) };
    let pipe = settings.file.clone().unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let log = DecisionLog::with_queue(&settings, 4).unwrap();
    // The pipe fills up until the thread waits for the reader. Then the queue fills up, and further lines are lost.
    let mut handed_over = 0;
    while log.flush(Duration::from_millis(500)).await {
        (0..100).for_each(|_| log.write(Box::new(line("stalled"))));
        handed_over += 100;
    }
    (0..20).for_each(|_| log.write(Box::new(line("lost"))));
    handed_over += 20;
    assert!(log.dropped() >= 10);

    let lines = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for text in std::io::BufRead::lines(std::io::BufReader::new(reader)) {
            if lines.0.send(serde_json::from_str::<Line>(&text.unwrap()).unwrap()).is_err() {
                break;
            }
        }
    });
    assert!(log.flush(PATIENCE).await);
    log.write(Box::new(line("after")));
    assert!(log.flush(PATIENCE).await);
    let mut reported = 0;
    let mut seen = 0;
    loop {
        let line = lines.1.recv_timeout(PATIENCE).unwrap();
        reported += line.dropped.unwrap_or_default();
        if line.request_id == "after" {
            break;
        }
        seen += 1;
    }
    assert_eq!((reported, reported + seen), (log.dropped(), handed_over));
}

#[tokio::test]
async fn masked_values_stand_nowhere_in_the_line() {
    use config::Masked;
    let directory = tempfile::tempdir().unwrap();
    let claim = Masked::Claim("profile.name".parse().unwrap());
    let mask = vec![Masked::Subject, Masked::Teams, Masked::Source, Masked::Models, claim];
    let settings = config::DecisionLog { mask, ..settings(&directory) };
    let log = DecisionLog::start(&settings).unwrap();
    let claims = json!({"sub": "s3cret-ada", "upn": "s3cret-ada", "groups": "all s3cret-red", "n": ["s3cret-ada"],
        "profile": {"name": "s3cret-name", "shown": "yes"}, "key": "sk-s3cret"});
    let input = Input {
        claims: Some(std::sync::Arc::new(claims.as_object().unwrap().clone())),
        method: "POST".to_owned(),
        path: "/v1/x".to_owned(),
        team_header: Some("s3cret-red".to_owned()),
        model: Some("s3cret-model".to_owned()),
        additional_models: vec!["s3cret-model".to_owned()],
        model_use: ModelUse::default(),
        body_bytes: 5,
        source: Some("10.1.2.3".to_owned()),
        time: Some(SystemTime::UNIX_EPOCH),
    };
    let caller = LoggedCaller {
        subject: Some("s3cret-ada".to_owned()),
        user_id: Some("s3cret-ada".to_owned()),
        issuer: Some("https://issuer".to_owned()),
        teams: vec!["s3cret-red".to_owned()],
        team: Some("s3cret-red".to_owned()),
        ..LoggedCaller::default()
    };
    let models = vec!["s3cret-model".to_owned()];
    log.write(Box::new(Line { caller: Some(caller), input: Some(Box::new(input)), models, ..line("m") }));
    assert!(log.flush(PATIENCE).await);
    let text = fs::read_to_string(settings.file.unwrap()).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("10.1.2.3"), "{text}");
    for shown in ["https://issuer", "\"shown\":\"yes\"", "\"subject\":\"***\"", "\"models\":[\"***\"]"] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(serde_json::from_str::<Line>(text.trim()).is_ok());
}

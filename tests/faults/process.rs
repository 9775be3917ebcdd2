//! Starts the command as a process, reads its output, sends requests and stops it. Also has the servers around it,
//! over plain sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any step takes, so that a hang fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Text that a thread collects and other threads wait for.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<(Mutex<String>, Condvar)>);

impl Said {
    pub(crate) fn so_far(&self) -> String {
        self.0.0.lock().unwrap().clone()
    }

    pub(crate) fn add(&self, text: &str) {
        self.0.0.lock().unwrap().push_str(text);
        self.0.1.notify_all();
    }

    /// Waits until this text was logged so many times.
    pub(crate) fn times(&self, text: &str, times: usize) {
        let said = self.0.0.lock().unwrap();
        let lacks = |said: &mut String| said.matches(text).count() < times;
        let (said, waited) = self.0.1.wait_timeout_while(said, PATIENCE, lacks).unwrap();
        assert!(!waited.timed_out(), "`{text}` was not said {times} times:\n{}", *said);
    }

    fn gather(&self, from: impl std::io::Read + Send + 'static) -> JoinHandle<()> {
        let said = self.clone();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(from);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                said.add(&String::from_utf8_lossy(&line));
                line.clear();
            }
        })
    }
}

/// A gateway as a process of its own, always killed by its process id.
pub(crate) struct Gate {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    /// Its standard error and its standard output.
    pub(crate) log: Said,
    pub(crate) output: Said,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) const MASTER_KEY: &str = "sk-master";

/// A configuration in which callers with the master key may call one model at `upstream`. Each decision is logged to
/// the file `log`.
pub(crate) fn config(upstream: SocketAddr, params: &str, modelgate: &str) -> String {
    format!(
        "general_settings: {{master_key: {MASTER_KEY}}}\nmodel_list:\n  - model_name: gpt\n    litellm_params: \
         {{model: openai/gpt, api_base: 'http://{upstream}/v1', api_key: sk-upstream, {params}}}\n\
         modelgate: {{decision_log: {{file: log}}, {modelgate}}}\n"
    )
}

impl Gate {
    pub(crate) fn start(yaml: &str) -> Self {
        Self::with(&[], yaml, |_| {})
    }

    /// Starts it with the prefix `before`, such as `prlimit`, which must replace itself by the command.
    pub(crate) fn with(before: &[&str], yaml: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yaml"), yaml).unwrap();
        Self::at(before, directory, prepare)
    }

    /// Starts it on a directory with a `config.yaml`.
    pub(crate) fn at(
        before: &[&str],
        directory: tempfile::TempDir,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let parts: Vec<&str> = before.iter().copied().chain([env!("CARGO_BIN_EXE_modelgate")]).collect();
        let mut command = Command::new(parts[0]);
        command.args(&parts[1..]).args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.arg("--config").arg(directory.path().join("config.yaml"));
        for name in ["JWT_PUBLIC_KEY_URL", "JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY", "RUST_LOG"] {
            command.env_remove(name);
        }
        prepare(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (log, output) = (Said::default(), Said::default());
        let readers =
            vec![log.gather(child.stderr.take().unwrap()), output.gather(child.stdout.take().unwrap())];
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gate = Self { child, readers, log, output, address: nowhere, admin: nowhere, directory };
        gate.log.times(" listening on http", 1);
        let said = gate.log.so_far();
        let after = |text: &str| {
            let rest = said.split_once(text).unwrap().1;
            rest.split(['\n', '\u{1b}', ' ']).next().unwrap().parse().unwrap()
        };
        gate.address = after(if said.contains(" listening on https://") {
            " listening on https://"
        } else {
            " listening on http://"
        });
        gate.admin = after("the admin listener is on http://");
        gate
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(
            Command::new("sh")
                .args(["-c", &format!("kill {name} {}", self.pid())])
                .status()
                .unwrap()
                .success()
        );
    }

    /// The exit status, after the process has ended. Its output is complete then.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = until(|| self.child.try_wait().unwrap());
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        status
    }

    /// Stops the process, and returns all its output.
    pub(crate) fn stop(mut self) -> String {
        self.signal("-TERM");
        assert_eq!(self.ended().code(), Some(0), "{}", self.log.so_far());
        self.log.so_far() + &self.output.so_far()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Replaces a file by another one, atomically.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write(self.directory.path(), name, text);
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Sends a chat request. The response is still to be read.
    pub(crate) fn chat(&self) -> TcpStream {
        self.chat_as(MASTER_KEY)
    }

    pub(crate) fn chat_as(&self, token: &str) -> TcpStream {
        let mut stream = self.connect();
        chat_on(&mut stream, token);
        stream
    }

    /// The status of a request that needs no upstream.
    pub(crate) fn models_as(&self, token: &str) -> Answer {
        ask(self.address, "GET", "/v1/models", &format!("authorization: Bearer {token}\r\n"), "")
    }

    pub(crate) fn metrics(&self) -> String {
        ask(self.admin, "GET", "/metrics", "", "").body
    }

    pub(crate) fn metric(&self, name: &str) -> f64 {
        value_of(&self.metrics(), name)
    }

    /// Waits until a metric has at least this value.
    pub(crate) fn counts(&self, name: &str, least: f64) {
        until(|| (self.metric(name) >= least).then_some(()));
    }

    pub(crate) fn snapshot(&self) -> serde_json::Value {
        serde_json::from_str(&ask(self.admin, "GET", "/-/snapshot", "", "").body).unwrap()
    }

    /// The lines of the decision log, after it has this number of lines.
    pub(crate) fn decisions(&self, least: usize) -> Vec<serde_json::Value> {
        until(|| {
            let text = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            let lines: Vec<_> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (lines.len() >= least).then_some(lines)
        })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // This fails if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Repeats the check until it has a result.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never comes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn write(directory: &Path, name: &str, text: &str) {
    let aside = directory.join(format!(".{name}.new"));
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, directory.join(name)).unwrap();
}

pub(crate) fn value_of(metrics: &str, name: &str) -> f64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().unwrap())
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) const CHAT: &str = r#"{"model": "gpt"}"#;

pub(crate) fn chat_on(stream: &mut TcpStream, token: &str) {
    let headers = format!("authorization: Bearer {token}\r\n");
    send_on(stream, "POST", "/v1/chat/completions", &headers, CHAT);
}

pub(crate) fn send_on(stream: &mut TcpStream, method: &str, path: &str, headers: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = connect(address);
    send_on(&mut stream, method, path, headers, body);
    answer(&mut stream)
}

/// Reads a message up to its declared end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default()
    }

    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body.pointer("/error/code").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }

    /// The status and the code that a caller receives.
    pub(crate) fn told(&self) -> (u16, String) {
        (self.status(), self.code())
    }
}

/// Reads a message with a length or without a body.
pub(crate) fn answer(stream: &mut TcpStream) -> Answer {
    let head = head(stream);
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Answer { head, body: String::from_utf8(body).unwrap() }
}

pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub(crate) fn head(stream: &mut TcpStream) -> String {
    read_until(stream, "\r\n\r\n")
}

/// Reads up to and including `end`.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "it ends early: {}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// Reads until the other side ends the connection, with or without a reset.
pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        text.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A server whose connections a test accepts one by one.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    accepted: Receiver<TcpStream>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (accept, accepted) = mpsc::channel();
        std::thread::spawn(move || listener.incoming().flatten().try_for_each(|stream| accept.send(stream)));
        Self { address, accepted }
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> TcpStream {
        let stream = self.accepted.recv_timeout(PATIENCE).expect("nobody calls the upstream");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The next connection, if there is one.
    pub(crate) fn next(&self) -> Option<TcpStream> {
        let stream = self.accepted.try_recv().ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(stream)
    }

    /// The next connection, and its request.
    pub(crate) fn arriving(&self) -> (TcpStream, Answer) {
        let mut stream = self.accept();
        let request = answer(&mut stream);
        (stream, request)
    }

    /// Handles each connection, one after the other.
    pub(crate) fn serve(self, mut deal: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
        let address = self.address;
        std::thread::spawn(move || {
            for stream in self.accepted {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                deal(stream);
            }
        });
        address
    }

    /// Whether no connection has arrived since.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.accepted.try_recv().is_err()
    }
}

pub(crate) fn reply(stream: &mut TcpStream, body: &str) {
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).unwrap();
}

/// An address where nothing listens: the port of a reserved service, which no other test can get.
pub(crate) fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

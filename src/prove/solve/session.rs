//! One process of the solver that keeps what formulas have in common, and is asked one after another.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::program::Program;
use super::query::{Answer, Limits};

/// A process that has read a script.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    limits: Limits,
}

impl Session {
    /// Starts the solver with a script.
    pub(super) fn start(program: &Program, limits: Limits, script: &str) -> Option<Self> {
        let mut command = Command::new("sh");
        command.args(arguments(program, limits)).arg(INCREMENTAL);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let (mut input, output) = (child.stdin.take()?, child.stdout.take()?);
        let (send, lines) = channel();
        // It ends with the process, which ends with the session.
        std::thread::spawn(move || {
            let read = BufReader::new(output).lines().map_while(Result::ok);
            read.map(|line| send.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        // A process that ends early is noticed by the first question.
        let _ = input.write_all(script.as_bytes());
        Some(Self { child, input, lines, limits })
    }

    /// Whether the script and a further assertion can be true.
    pub(super) fn ask(&mut self, assertion: &str) -> Answer {
        let question = format!("(push 1)\n(assert {assertion})\n(check-sat)\n(pop 1)\n");
        let asked = self.input.write_all(question.as_bytes()).and_then(|()| self.input.flush());
        if asked.is_err() {
            return Answer::Unknown("the solver ended".to_owned());
        }
        // The solver keeps to its own limit. This one is for a solver that does not.
        match self.lines.recv_timeout(self.limits.patience(Duration::from_secs(5))) {
            Ok(line) if line == "sat" => Answer::Possible,
            Ok(line) if line == "unsat" => Answer::Never,
            Ok(line) if line == "unknown" => Answer::Unknown(self.limits.exceeded()),
            Ok(line) => Answer::Unknown(format!("the solver says: {line}")),
            Err(RecvTimeoutError::Timeout) => Answer::Unknown(self.limits.exceeded()),
            Err(RecvTimeoutError::Disconnected) => Answer::Unknown(self.limits.exceeded()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keep what the script says from one question to the next.
const INCREMENTAL: &str = "--incremental";

/// The options of the solver with which sessions ask.
pub(super) fn options(limits: Limits) -> Vec<String> {
    // Patterns of `like` become terms of strings that cvc5 has behind `--strings-exp`.
    let mut all = ["--lang", "smt", "--strings-exp"].map(str::to_owned).to_vec();
    // The formulas are mostly Boolean, and cvc5's own choice of decisions takes up to ten times as long for them.
    all.push("--decision=internal".to_owned());
    all.push(format!("--tlimit-per={}", limits.time.as_millis()));
    all.push(format!("--seed={}", limits.seed));
    all
}

/// The arguments of a shell that sets the limit of memory and becomes the solver.
pub(super) fn arguments(program: &Program, limits: Limits) -> Vec<std::ffi::OsString> {
    let mut all: Vec<std::ffi::OsString> =
        ["-c", "ulimit -v \"$1\" && shift && exec \"$@\"", "sh"].map(Into::into).to_vec();
    all.push((limits.memory * 1024).to_string().into());
    all.push(program.path.clone().into());
    all.extend(options(limits).into_iter().map(Into::into));
    all
}

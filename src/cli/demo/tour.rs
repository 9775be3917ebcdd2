//! `modelgate demo --tour`: sends the requests of the demo and explains each answer.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::StatusCode;

use super::answer;
use super::client::{self, Call};
use super::session::Demo;
use super::steps::{CHAT, CLOSING, DENIED, OTHER_ROLE, ROLE, Sender, Step, allowed, requests};
use crate::cli::output::{Exit, failed, say};

const STEPS: usize = 8;
/// The time limit for a new policy to become active. It usually takes less than a second.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// Runs every step. Returns `Denied` if an answer is not as expected.
pub(super) async fn run(demo: &Demo) -> miette::Result<Exit> {
    let mut tour = Tour {
        demo,
        member: demo.provider.token(&[ROLE]).map_err(failed)?,
        guest: demo.provider.token(&[OTHER_ROLE]).map_err(failed)?,
        number: 0,
        surprises: 0,
    };
    say(format_args!("modelgate runs examples/azure-ad.yaml on http://{}\n", demo.address));
    for step in requests() {
        tour.take(&step).await?;
        if step.explained {
            tour.explain()?;
        }
    }
    tour.close().await?;
    tour.reopen().await?;
    Ok(tour.end())
}

struct Tour<'d> {
    demo: &'d Demo,
    member: String,
    guest: String,
    number: usize,
    surprises: usize,
}

impl Tour<'_> {
    fn title(&mut self, shows: &str) {
        self.number += 1;
        say(format_args!("\n{}/{STEPS}  {shows}\n", self.number));
    }

    fn token(&self, sender: Sender) -> Option<&str> {
        match sender {
            Sender::Member => Some(&self.member),
            Sender::Guest => Some(&self.guest),
            Sender::Nobody => None,
        }
    }

    async fn take(&mut self, step: &Step) -> miette::Result<()> {
        self.title(step.shows);
        self.request(step).await.map_err(failed)?;
        say(format_args!("     why: {}\n", step.why));
        Ok(())
    }

    /// Sends a request, and prints it and its answer.
    async fn request(&mut self, step: &Step) -> Result<(), String> {
        let call = Call { path: step.path, token: self.token(step.sender), body: step.body.as_deref() };
        say(format_args!("     > {} {}\n", call.method(), call.path));
        say(match step.sender {
            Sender::Member => format!("     > Authorization: Bearer (a token with the role `{ROLE}`)\n"),
            Sender::Guest => format!("     > Authorization: Bearer (a token with the role `{OTHER_ROLE}`)\n"),
            Sender::Nobody => String::new(),
        });
        if let Some(body) = call.body {
            say(format_args!("     > {body}\n"));
        }
        let answer = client::send(self.demo.address, call).await?;
        let status = answer.status();
        say(format_args!("     < {status}\n"));
        answer::show(answer).await?;
        if status != step.expected {
            self.surprises += 1;
            say(format_args!("     unexpected: the answer should be {}\n", step.expected));
        }
        Ok(())
    }

    /// Runs `modelgate explain` for the denied request.
    fn explain(&self) -> miette::Result<()> {
        let config = self.demo.files.config();
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .args(["explain", "--claims", "-", "--path", CHAT, "--model", DENIED, "--config"])
            .arg(&config);
        command.envs(&self.demo.variables).env("NO_COLOR", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            let claims = format!(r#"{{"roles": ["{ROLE}"]}}"#);
            input.write_all(claims.as_bytes()).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        let text = String::from_utf8_lossy(&output.stdout);
        say(format_args!("     `modelgate explain` says more. The parts that matter here:\n"));
        // Prints the verdict and each block with a line that denies.
        for (position, block) in text.split("\n\n").enumerate() {
            let says_no = block.lines().any(|line| line.trim_start().to_ascii_lowercase().starts_with("no "));
            if position == 0 || says_no {
                for line in block.lines() {
                    say(format_args!("       | {line}\n"));
                }
            }
        }
        Ok(())
    }

    /// Writes a policy that denies everything, and waits until it is active.
    async fn close(&mut self) -> miette::Result<()> {
        self.title("A policy that is written while the gateway runs");
        let step = Step { expected: StatusCode::FORBIDDEN, ..allowed() };
        self.write(CLOSING)?;
        self.wait_until_active(&step).await.map_err(failed)?;
        self.request(&step).await.map_err(failed)?;
        say("     why: The policy overrides the grants of the configuration. The reason comes from the \
             policy.\n");
        Ok(())
    }

    /// Removes the policy again.
    async fn reopen(&mut self) -> miette::Result<()> {
        self.title("The policy is removed");
        let step = allowed();
        self.write("// Write rules here that the YAML cannot express.\n")?;
        self.wait_until_active(&step).await.map_err(failed)?;
        self.request(&step).await.map_err(failed)?;
        say("     why: Only the configuration decides again.\n");
        Ok(())
    }

    fn write(&self, policy: &str) -> miette::Result<()> {
        let path = self.demo.files.policy();
        std::fs::write(&path, policy).map_err(failed)?;
        say(format_args!("     {} is now:\n       {policy}", path.display()));
        Ok(())
    }

    /// Waits until the request gets the status that the new rules produce.
    async fn wait_until_active(&self, step: &Step) -> Result<(), String> {
        let written = Instant::now();
        loop {
            let call = Call { path: step.path, token: self.token(step.sender), body: step.body.as_deref() };
            let status = client::send(self.demo.address, call).await?.status();
            let took = written.elapsed();
            if status == step.expected {
                say(format_args!("     active after {} ms\n", took.as_millis()));
                return Ok(());
            }
            if took > PATIENCE {
                return Err(format!("the new policy is not active after {} seconds", PATIENCE.as_secs()));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn end(&self) -> Exit {
        let (taken, surprises) = (self.number, self.surprises);
        if surprises > 0 {
            say(format_args!("\n{surprises} of {taken} answers were not as expected\n"));
            return Exit::Denied;
        }
        say(format_args!(
            "\nAll {taken} answers were as expected. What next:\n  \
             modelgate demo        the same, for a second terminal with curl\n  \
             modelgate init DIR    a configuration of your own, with a policy and cases\n"
        ));
        Exit::Yes
    }
}

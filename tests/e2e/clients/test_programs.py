"""Claude Code, Codex and Gemini CLI, each started once for one prompt, with a home of its own."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from clients.providers import TEXT
from clients.support import REASON, ClientTest

PROGRAMS = pathlib.Path(__file__).parent / "node_modules" / ".bin"
CODEX = """
model_provider = "gate"
[model_providers.gate]
name = "gate"
base_url = "{base}/v1"
env_key = "GATE_TOKEN"
wire_api = "responses"
supports_websockets = {sockets}
request_max_retries = 0
stream_max_retries = 0
"""
GEMINI = '{"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false}}'


class ProgramsTest(ClientTest):
    def run_program(self, *command, **variables):
        """Runs a program of npm to its end, and returns its status and all that it printed."""
        with tempfile.TemporaryDirectory() as home:
            for name, text in variables.pop("files", {}).items():
                path = pathlib.Path(home) / name
                path.parent.mkdir()
                path.write_text(text)
            # Nothing of this machine's own settings, and no proxy between.
            environment = {"HOME": home, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL, "cwd": home}
            done = subprocess.run(command, env=environment | variables, text=True, timeout=120, **options)
            return done.returncode, done.stdout

    def claude(self, model, token=None):
        variables = {"ANTHROPIC_BASE_URL": self.base, "ANTHROPIC_AUTH_TOKEN": token or self.token}
        # Without the second, Claude Code repeats a request with an expired token for minutes before it says anything.
        quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "0"}
        return self.run_program("claude", "-p", "hello", "--model", model, **variables, **quiet)

    def codex(self, model, token=None, sockets="false"):
        files = {".codex/config.toml": CODEX.format(base=self.base, sockets=sockets)}
        command = ["codex", "exec", "--skip-git-repo-check", "-m", model, "hello"]
        return self.run_program(*command, files=files, GATE_TOKEN=token or self.token)

    def gemini(self, model, token=None):
        variables = {"GOOGLE_GEMINI_BASE_URL": self.base, "GEMINI_API_KEY": token or self.token}
        files = {".gemini/settings.json": GEMINI}
        trust = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
        return self.run_program("gemini", "-p", "hello", "-m", model, files=files, **variables, **trust)

    def assert_answered(self, run, model, path):
        status, shown = run(model)
        self.assertEqual(status, 0, shown)
        self.assertIn(TEXT, shown)
        requests = self.upstream.take_requests()
        self.assertIn(path, [request["path"].split("?")[0] for request in requests])
        self.assertNotIn(self.token, str(requests))

    def assert_shown(self, reason, result):
        status, shown = result
        self.assertNotEqual(status, 0, shown)
        self.assertIn(reason, shown)
        self.assertEqual(self.upstream.take_requests(), [])

    def test_claude_code_prints_the_answer(self):
        self.assert_answered(self.claude, "claude", "/v1/messages")

    def test_claude_code_shows_why_a_model_is_denied(self):
        self.assert_shown(REASON, self.claude("denied"))

    def test_claude_code_shows_that_a_token_has_expired(self):
        self.assert_shown("expired", self.claude("claude", self.expired))

    def test_codex_prints_the_answer(self):
        self.assert_answered(self.codex, "chat", "/v1/responses")

    def test_codex_shows_why_a_model_is_denied(self):
        self.assert_shown(REASON, self.codex("denied"))

    def test_codex_shows_that_a_token_has_expired(self):
        self.assert_shown("expired", self.codex("chat", self.expired))

    def test_codex_prints_the_answer_of_a_socket(self):
        status, shown = self.codex("codex-socket", sockets="true")
        self.assertEqual(status, 0, shown)
        self.assertIn(TEXT, shown)
        handshakes, messages = self.sockets.take()
        self.assertEqual({message["model"] for message in messages}, {"upstream-codex"})
        self.assertNotIn(self.token, str(handshakes))

    def test_codex_shows_why_a_model_is_denied_over_a_socket(self):
        status, shown = self.codex("denied", sockets="true")
        self.assertNotEqual(status, 0, shown)
        self.assertIn(REASON, shown)
        self.assertEqual(self.sockets.take(), ([], []))

    def test_gemini_cli_prints_the_answer(self):
        self.assert_answered(self.gemini, "gemini", "/v1beta/models/upstream-gemini:streamGenerateContent")

    def test_gemini_cli_shows_why_a_model_is_denied(self):
        self.assert_shown(REASON, self.gemini("denied"))

    def test_gemini_cli_shows_that_a_token_has_expired(self):
        self.assert_shown("expired", self.gemini("gemini", self.expired))


if __name__ == "__main__":
    unittest.main(verbosity=2)

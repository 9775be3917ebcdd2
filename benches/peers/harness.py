"""Processes on loopback: started, measured, and stopped by their own ids."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 180.0
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def filled(template: str, values: dict[str, object]) -> str:
    """A file of `configs`, with each `{{name}}` replaced."""
    text = (HERE / "configs" / template).read_text()
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", str(value))
    if "{{" in text:
        raise SystemExit(f"{template}: {text[text.index('{{'):][:30]} has no value")
    return text


class Running:
    """A process and its children, until the end of the `with`."""

    def __init__(self, argv: list[object], port: int, log: Path, env: dict[str, str] | None = None) -> None:
        self.port, self.log = port, log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=os.environ | (env or {}),
            )

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        pids = self.pids()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in pids:
                if pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def ready(self) -> "Running":
        """Waits until the port accepts connections."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.must_live()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"{self.process.args[0]} does not listen:\n{self.log.read_text()[-2000:]}")

    def must_live(self) -> None:
        if self.process.poll() is not None:
            raise SystemExit(f"{self.process.args[0]} ended:\n{self.log.read_text()[-2000:]}")

    def pids(self) -> list[int]:
        """The process, and all below it."""
        pids = [self.process.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += [int(child) for child in task.read_text().split()]
        return pids

    def cpu(self) -> tuple[float, float]:
        """The seconds of processor time that all threads have used, in user and in system mode."""
        user, system = 0, 0
        for pid in self.pids():
            # The name in brackets may have blanks; user and system time are the 12th and 13th field behind it.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        return user / TICKS, system / TICKS

    def memory(self, field: str) -> int:
        """`VmRSS` or `VmHWM` of all processes, in bytes. What they share is counted for each."""
        status = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return sum(int(text.split(f"{field}:")[1].split()[0]) * 1024 for text in status)


class Awake:
    """Keeps the processors from halting, until the end of the `with`, by work that gives way to all other work; but for those
    that what measures keeps busy. How long one that has halted takes to wake up is no peer's."""

    SPIN = "import os, sys\nos.sched_setaffinity(0, map(int, sys.argv[1:]))\n" \
           "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nprint(flush=True)\nwhile True: pass"

    def __init__(self, busy: int = 0) -> None:
        processors = [str(processor) for processor in os.sched_getaffinity(0)]
        # Which ones are busy is for the scheduler to say.
        self.places = [processors] * (len(processors) - busy) if busy else [[processor] for processor in processors]

    def __enter__(self) -> "Awake":
        self.spinning = [subprocess.Popen([sys.executable, "-c", self.SPIN, *place], stdout=subprocess.PIPE)
                         for place in self.places]
        for spinning in self.spinning:
            spinning.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        for spinning in self.spinning:
            spinning.terminate()
            spinning.communicate()


def status(port: int, body: bytes, token: str) -> int:
    """The status of the answer to one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()

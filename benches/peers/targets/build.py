"""What a build takes, and how large the program is."""

import argparse
import os
import shutil
import subprocess
import time

import inputs
from peers import Peer
from table import table
from targets import Report, at_most

MOST_SECONDS, MOST_MB = 240, 14


def binary(_: list[Peer], __: int, chosen: argparse.Namespace) -> Report:
    """the size of the program, without the names of its functions"""
    program, stripped = inputs.built("bin", "modelgate"), inputs.SCRATCH / "stripped"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    subprocess.run([stripped, "--version"], check=True, stdout=subprocess.DEVNULL)
    sizes = [file.stat().st_size / 1e6 for file in [program, stripped]]
    rows = [[name, f"{size:.1f}"] for name, size in zip(["as built", "stripped"], sizes)]
    return table(["", "MB"], rows, chosen.markdown), [at_most("binary, `dist`, stripped", sizes[1], MOST_MB, "MB", 1)]


def build(_: list[Peer], __: int, chosen: argparse.Namespace) -> Report:
    """`cargo build --release` from nothing; downloads do not count"""
    target = inputs.SCRATCH / "build"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], check=True, cwd=inputs.ROOT)
    begun = time.monotonic()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", target], check=True, cwd=inputs.ROOT,
                   env=os.environ | {"CARGO_INCREMENTAL": "0"})
    seconds = time.monotonic() - begun
    subprocess.run([target / "release/modelgate", "--version"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(target)
    verdict = at_most("`cargo build --release` from nothing", seconds, MOST_SECONDS, "s", 0, f"{os.cpu_count()} processors")
    return table(["", "s"], [["from nothing", f"{seconds:,.0f}"]], chosen.markdown), [verdict]

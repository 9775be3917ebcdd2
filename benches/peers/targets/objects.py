"""How fast a body of small objects is read."""

import argparse
import re
import subprocess

import inputs
from peers import Peer
from table import table
from targets import Report, at_least

LEAST_GB = 1.2
UNITS = {"KB/s": 1e-6, "MB/s": 1e-3, "GB/s": 1.0}


def objects(_: list[Peer], __: int, chosen: argparse.Namespace) -> Report:
    """one mebibyte of small objects, by the benchmark `classify`; the median of its samples, and the best of the rounds"""
    speed = max(gigabytes() for _ in range(chosen.rounds))
    verdict = at_least("body of small objects, 1 MiB", speed, LEAST_GB, "GB/s")
    return table(["", "GB/s"], [["small objects", f"{speed:.2f}"]], chosen.markdown), [verdict]


def gigabytes() -> float:
    classify = [inputs.built("bench", "classify"), "--bench", "objects"]
    out = subprocess.run(classify, check=True, capture_output=True, text=True).stdout
    # The fastest, the slowest, the median and the mean.
    speeds = re.findall(r"([\d.]+) ([KMG]B/s)", out)
    if len(speeds) != 4:
        raise SystemExit(f"`classify` printed:\n{out}")
    number, unit = speeds[2]
    return float(number) * UNITS[unit]

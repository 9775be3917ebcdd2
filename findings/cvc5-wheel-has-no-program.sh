#!/usr/bin/env bash
# The wheel of cvc5 on PyPI (1.4.2) has the libraries and the Python module, and no program `cvc5`. `pip install cvc5` is therefore no
# way to install the solver that cedar-policy-symcc starts as a process: it needs Debian's package, or a release of cvc5.
#
# Seen on 2026-11-29; fails when the wheel has a program.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check cvc5==1.4.2
find "$work/venv" -type f -name 'libcvc5*' -printf 'library: %f\n'
programs=$(find "$work/venv" -type f -name cvc5 -perm -u+x)
printf 'programs: %s\n' "${programs:-none}"
[[ -z $programs ]]

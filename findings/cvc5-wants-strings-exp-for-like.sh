#!/usr/bin/env bash
# cedar-policy-symcc 0.8.1 writes Cedar's `like` as a regular expression of strings. cvc5 1.0.3 (Debian 12) rewrites such a pattern with
# a star at both ends to `str.contains`, and then refuses the formula, unless it runs with `--strings-exp`. `LocalSolver::cvc5` does not
# pass that option, so a policy with `like "*@*"` ends in an error of the solver in place of an answer.
#
# modelgate starts the solver itself, with the option. Seen on 2026-11-29; fails when cvc5 answers without it. Needs Debian 12.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for package in cvc5 libcvc5-1 libcvc5parser1; do
    apt-get download -qq "$package=1.0.3-1"
    dpkg -x "$package"_*.deb root
done
export LD_LIBRARY_PATH="$work/root/usr/lib/$(uname -m)-linux-gnu"
cvc5() { "$work/root/usr/bin/cvc5" "$@"; }
cvc5 --version | head -n 1
cat >like.smt2 <<'SMT'
(set-logic ALL)
(declare-fun email () String)
(assert (not (str.in_re email (re.++ re.all (str.to_re "@") re.all))))
(assert (str.in_re email (re.++ (str.to_re "a") re.all)))
(check-sat)
SMT
without=$(cvc5 --lang smt like.smt2 2>&1 || true)
with=$(cvc5 --lang smt --strings-exp like.smt2 2>&1 || true)
printf 'without the option: %s\nwith it: %s\n' "$without" "$with"
[[ $without == *"--strings-exp"* && $with == sat ]]

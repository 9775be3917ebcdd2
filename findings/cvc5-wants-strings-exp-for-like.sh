#!/usr/bin/env bash
# cedar-policy-symcc 0.8.1 writes Cedar's `like` as a regular expression of strings. cvc5 1.0.3 (Debian 12) rewrites such a pattern with
# a star at both ends to `str.contains`, and then refuses the formula, unless it runs with `--strings-exp`. `LocalSolver::cvc5` does not
# pass that option, so a policy with `like "*@*"` ends in an error of the solver in place of an answer.
#
# modelgate starts the solver itself, with the option. Seen on 2026-11-29; fails when cvc5 answers without it.
set -euo pipefail
[[ $(cvc5 --version | head -n 1) == *"version 1.0.3"* ]] || { echo "this is about cvc5 1.0.3" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/like.smt2" <<'SMT'
(set-logic ALL)
(declare-fun email () String)
(assert (not (str.in_re email (re.++ re.all (str.to_re "@") re.all))))
(assert (str.in_re email (re.++ (str.to_re "a") re.all)))
(check-sat)
SMT
without=$(cvc5 --lang smt "$work/like.smt2" 2>&1 || true)
with=$(cvc5 --lang smt --strings-exp "$work/like.smt2" 2>&1 || true)
printf 'without the option: %s\nwith it: %s\n' "$without" "$with"
[[ $without == *"--strings-exp"* && $with == sat ]]

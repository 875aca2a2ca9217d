"""How urgent the rules find what careful readers know the level of.

tests/eval/triage.txt (level, age, sex, what the patient says): short complaints, each written before the rules for it.
tests/eval/told.txt (the same, and what it is): longer tellings of two authors that nothing was written after or fitted
to (the impression was to those of scripts/told), so that they show what to expect of unknown words (docs/rules.md).
"""

import json

import pytest
from conftest import ROOT, run

LEVELS = ["routine", "urgent", "emergency"]


def triage(name):
    """(level, report, text) of each line."""
    lines = (ROOT / "tests/eval" / name).read_text(encoding="utf-8").splitlines()
    cases = [line.split("|")[:4] for line in lines]
    requests = [{"symptoms": text, "age": age, "sex": sex} for _, age, sex, text in cases]
    done = run("batch", "--rules-only", stdin="".join(json.dumps(r, ensure_ascii=False) + "\n" for r in requests))
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == len(cases)
    return [(level, report, text) for (level, _, _, text), report in zip(cases, reports)]


def test_no_complaint_is_triaged_wrongly():
    """The rules know all of them; the impression raises a few, and may not raise more."""
    wrong = [(text, level, report) for level, report, text in triage("triage.txt") if report["urgency"] != level]
    assert all(report["warnings"][0]["rule"].startswith("IM") for _, _, report in wrong), wrong
    assert len(wrong) <= 3


@pytest.fixture(scope="module")
def told():
    cases = triage("told.txt")

    def share(level, least, most):
        of = [LEVELS.index(report["urgency"]) for wanted, report, _ in cases if wanted == level]
        return sum(least <= u <= most for u in of) / len(of)

    return share


def test_unknown_words_rarely_hide_an_emergency(told):
    assert told("emergency", 2, 2) >= 0.8
    assert told("emergency", 0, 0) <= 0.08


def test_what_can_wait_is_rarely_raised(told):
    assert told("routine", 1, 2) <= 0.12
    assert told("routine", 2, 2) <= 0.05
    assert told("urgent", 2, 2) <= 0.14

"""How urgent the rules find short complaints whose level a careful reader knows (tests/eval/triage.txt: level, age, sex,
what the patient says). Each was written before the rules for it.
"""

import json

from conftest import ROOT, run


def test_no_complaint_is_triaged_wrongly():
    lines = (ROOT / "tests/eval/triage.txt").read_text(encoding="utf-8").splitlines()
    cases = [line.split("|") for line in lines]
    requests = [{"symptoms": text, "age": age, "sex": sex} for _, age, sex, text in cases]
    done = run("batch", "--rules-only", stdin="".join(json.dumps(r, ensure_ascii=False) + "\n" for r in requests))
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == len(cases)
    wrong = [
        f"{text}: {report['urgency']}, not {level}"
        for (level, _, _, text), report in zip(cases, reports)
        if report["urgency"] != level
    ]
    assert not wrong

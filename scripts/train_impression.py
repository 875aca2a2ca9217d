#!/usr/bin/env python3
"""Fits cli/data/impression.txt, the weights of cli/clinic/impression.c, to the tellings of scripts/told.

    python3 scripts/train_impression.py             measure, fit, write
    python3 scripts/train_impression.py --measure   measure alone

Needs scikit-learn and build/render-prompts. A telling is a line "level|age|sex|text|what it is": level is what a careful
reader gives it; what it is, the red flag that it was written for (with '-': a harmless neighbour of it), or the illness
(and others as fair). A file is one author's. Measured is what the weights say of an author whom they were not fitted to.
"""

import argparse
import json
import re
import subprocess
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parent.parent
TOLD = ROOT / "scripts/told"
SHORT = ROOT / "tests/eval/triage.txt"  # short complaints; the rules know them all, so that they are not measured on
WEIGHTS = ROOT / "cli/data/impression.txt"
LEVELS = ["routine", "urgent", "emergency"]
LONGEST = 4  # characters of a feature
READ = r"[\u4e00-\u9fff,。、#]+"
RAREST = 3  # tellings that a feature is in
KEPT = 6000  # features
STRENGTH = 10  # of the data against the prior that a weight is 0
CALM = 60  # as if so many features that say nothing were in every telling: a few words alone are no alarm
# Of tellings that can wait, the share that may sound as an emergency, and as urgent or more.
RAISED = {"emergency": 0.01, "urgent": 0.03}


def read(path):
    lines = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(LEVELS.index(level), age, sex, text) for level, age, sex, text, *_ in lines]


def beginnings(tellings):
    """What can wait can wait when only its beginning is told: so a few words alone are no alarm."""
    cut = [re.match(r".{5,}?(?=[,，。;；!！?？\s])", text) for _, _, _, text in tellings]
    return [(*t[:3], c.group()) for t, c in zip(tellings, cut) if c and t[0] == 0]


def run(program, arguments, tellings):
    requests = []
    for _, age, sex, text in tellings:
        number, unit = re.fullmatch(r"(\d+)(\D+)", age).groups()
        requests.append({"symptoms": text, "age": int(number), "age_unit": unit, "sex": sex})
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in requests)
    done = subprocess.run([ROOT / "build" / program, *arguments], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def features(tellings):
    """The set of features of each, as cli/clinic/impression.h has them, of Chinese characters alone: numbers are the
    rules' to judge, and neither markup nor instructions to the program are an illness."""
    sets = []
    for view in run("render-prompts", ["--impression"], tellings):
        text = view["text"]
        grams = {text[i : i + n] for n in range(1, LONGEST + 1) for i in range(len(text) - n + 1)}
        sets.append({g for g in grams if re.fullmatch(READ, g)} | set(view["signs"]))
    return sets


def some_without_age(sets):
    """Every third without its age: many forms are left empty, and its weight must not be needed."""
    return [s if i % 3 else {f for f in s if not re.fullmatch(r"A\d", f)} for i, s in enumerate(sets)]


def matrix(sets, index):
    rows = [(i, index[f]) for i, s in enumerate(sets) for f in s if f in index]
    i, j = np.array(rows).T
    return csr_matrix((np.ones(len(rows)), (i, j)), shape=(len(sets), len(index)))


def shared(x):
    """Each telling's row divided by the root of its features' number."""
    return diags(1 / np.sqrt(CALM + x.getnnz(axis=1))) @ x


def regressions(x, levels):
    x = shared(x)
    return [LogisticRegression(C=STRENGTH, max_iter=2000).fit(x, levels >= at) for at in (1, 2)]


def fit(sets, levels):
    """The kept features, and for urgent and emergency their weights and bias."""
    frequency = {}
    for s in sets:
        for f in s:
            frequency[f] = frequency.get(f, 0) + 1
    sets = some_without_age(sets)
    common = sorted(f for f, n in frequency.items() if n >= RAREST)
    x = matrix(sets, {f: i for i, f in enumerate(common)})
    size = sum(np.abs(r.coef_[0]) for r in regressions(x, levels)) * np.sqrt([frequency[f] for f in common])
    kept = sorted(common[i] for i in np.argsort(-size, kind="stable")[:KEPT])
    final = regressions(matrix(sets, {f: i for i, f in enumerate(kept)}), levels)
    return kept, [np.round(100 * r.coef_[0]) for r in final], [round(100 * r.intercept_[0]) for r in final]


def scores(fitted, sets):
    kept, weights, biases = fitted
    x = shared(matrix(sets, {f: i for i, f in enumerate(kept)}))
    return [x @ w + b for w, b in zip(weights, biases)]


def shares(said, levels):
    of = {n: said[levels == i] for i, n in enumerate(LEVELS)}
    return (
        f"emergencies told so {np.mean(of['emergency'] == 2):.3f}, told routine {np.mean(of['emergency'] == 0):.3f}; "
        f"urgent told so or more {np.mean(of['urgent'] > 0):.3f}, an emergency {np.mean(of['urgent'] == 2):.3f}; "
        f"routine told urgent or more {np.mean(of['routine'] > 0):.3f}, an emergency {np.mean(of['routine'] == 2):.3f}"
    )


class Tellings:
    """Some tellings, read: their features and levels."""

    def __init__(self, tellings):
        self.sets = features(tellings)
        self.levels = np.array([t[0] for t in tellings])


def fit_to(parts):
    return fit([s for p in parts for s in p.sets], np.concatenate([p.levels for p in parts]))


def measure(told, begun, short, rules):
    """The scores of each author's tellings by weights fitted to the others', and the scores from which to warn."""
    held = [[], []]
    for out, author in enumerate(told):
        others = [p for parts in (told, begun) for i, p in enumerate(parts) if i != out]
        for level, values in enumerate(scores(fit_to([*others, short]), author.sets)):
            held[level].append(values)
    held, levels = [np.concatenate(h) for h in held], np.concatenate([p.levels for p in told])
    bound = [np.quantile(held[i][levels == 0], 1 - RAISED[n]) for i, n in enumerate(LEVELS[1:])]
    impression = np.where(held[1] >= bound[1], 2, np.where(held[0] >= bound[0], 1, 0))
    print("rules      ", shares(rules, levels))
    print("impression ", shares(impression, levels))
    print("together   ", shares(np.maximum(rules, impression), levels))
    return [round(b) for b in bound]


def urgency_by_rules(report):
    """Without the impression's own warnings."""
    levels = [w["level"] for w in report["warnings"] if not w["rule"].startswith("IM")]
    return max((LEVELS.index(level) for level in levels if level in LEVELS), default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="write nothing")
    options = parser.parse_args()
    files = [read(f) for f in sorted(TOLD.glob("*.txt"))]
    tellings = [t for lines in files for t in lines]
    reports = run("youtu-diagnose", ["batch", "--rules-only", "--quiet"], tellings)
    told, begun = [Tellings(f) for f in files], [Tellings(beginnings(f)) for f in files]
    short = Tellings(read(SHORT))
    print(f"{len(tellings)} tellings of {len(files)} files")
    bound = measure(told, begun, short, np.array([urgency_by_rules(r) for r in reports]))
    if options.measure:
        return
    kept, weights, biases = fit_to([*told, *begun, short])
    lines = ["youtu.impression/1", f"calm {CALM}"]
    lines += [f"{name} {bias} {at}" for name, bias, at in zip(LEVELS[1:], biases, bound)]
    lines += [f"{f}\t{u:.0f} {e:.0f}" for f, u, e in zip(kept, *weights) if u or e]
    WEIGHTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{WEIGHTS.relative_to(ROOT)}: {len(lines) - 4} features")


if __name__ == "__main__":
    main()

"""A clinic's own rules: each file of --rules DIR stands in for the compiled-in one of its name."""

import json
import shutil

import pytest

from conftest import ROOT, refused, report, run

DATA = ROOT / "cli/data"
COMPLAINT = "胸口像压了块石头,出冷汗"


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    return folder


def own(folder, name, change):
    """A copy of the compiled-in file with one change, entries a line each as there."""
    text = (DATA / name).read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    (folder / name).write_text(changed, encoding="utf-8")


def test_own_red_flags_stand_in_for_the_compiled_in_ones(rules):
    (rules / "redflags.json").write_text(
        json.dumps(
            {
                "schema": "youtu.redflags/1",
                "terms": [],
                "rules": [{"id": "OWN", "level": "U", "all": ["冷汗"], "message": "本院规则"}],
            },
            ensure_ascii=False,
        ),
        encoding="utf-8",
    )
    assert report("--rules-only", COMPLAINT)["urgency"] == "emergency"
    made = report("--rules-only", "--rules", str(rules), COMPLAINT)
    assert [w["rule"] for w in made["warnings"]] == ["IM2", "OWN"]  # the impression stands beside any rules
    assert str(rules) in run("info", "--rules", str(rules), "--quiet").stdout


def test_own_words_are_read(rules):
    own(rules, "lexicon.json", lambda t: t.replace('{"name": "冷汗", "words": [', '{"name": "冷汗", "words": ["汗珠满额", '))
    found = report("--rules-only", "--rules", str(rules), "汗珠满额")["findings"]["positive"]
    assert [f["symptom"] for f in found] == ["冷汗"]



@pytest.mark.parametrize(
    "name, old, new, place, words",
    [
        ("redflags.json", '{"id": "SH1", "level": "E"', '{"id": "SH1", "level": "Z"', '"SH1"', ["level", '"Z"']),
        ("redflags.json", '"all": ["收缩压<90', '"all": ["没有这个症状', '"SH1"', ["SH1", "没有这个症状"]),
        ("lexicon.json", '{"name": "冷汗", "words": [', '{"name": "冷汗", "words": ["{无此类}汗", ', "{无此类}", ["冷汗"]),
        ("lexicon.json", '{"name": "冷汗", "words": [', '{"name": "冷汗", "word": [', '"word": [', ["冷汗", "word"]),
        # a word of two entries is told where the later one is; 咳嗽 also stands elsewhere, in other lists
        ("lexicon.json", '{"name": "休息", "words": [', '{"name": "休息", "words": ["弯腰", ', '{"name": "弯腰"', ["休息"]),
        ("lexicon.json", '{"name": "冷汗", "words": [', '{"name": "冷汗", "words": ["咳嗽", ', '{"name": "咳嗽"', ["冷汗"]),
        ("scope.json", '"undoing": [', '"undoing": [\n "是",\n 7, ', " 7, ", ["undoing", "7"]),
        ("departments.json", '"departments": [', '"extra": 1,\n "departments": [', '"extra"', ["extra"]),
    ],
)
def test_a_fault_is_told_with_its_line(rules, name, old, new, place, words):
    own(rules, name, lambda t: t.replace(old, new))
    lines = (rules / name).read_text(encoding="utf-8").splitlines()
    [line] = [i for i, text in enumerate(lines, 1) if place in text]
    refused(run("--rules-only", "--rules", str(rules), COMPLAINT), 2, str(rules / name), f"第 {line} 行", *words)


def test_the_compiled_in_files_themselves_are_accepted():
    assert report("--rules-only", "--rules", str(DATA), COMPLAINT)["urgency"] == "emergency"


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("redflags.json", lambda d: d["rules"].append(d["rules"][3]), ["HA4", "id"]),
        ("redflags.json", lambda d: d["rules"].clear(), ["rules"]),
        ("lexicon.json", lambda d: d["sites"].append({"name": d["sites"][0]["name"], "words": []}), ["sites", "name"]),
        ("scope.json", lambda d: d["undoing"].clear(), ["undoing"]),
        ("departments.json", lambda d: d["departments"].clear(), ["departments"]),
        ("lexicon.json", lambda d: d["better"].append("加重"), ["worse 中“加重”", "better"]),
        ("redflags.json", lambda d: d["terms"][1]["words"].append(d["terms"][0]["name"]), ["terms 中", "同时属于"]),
    ],
)
def test_what_would_disable_or_double_a_rule_is_refused(rules, name, change, words):
    data = json.loads((DATA / name).read_text(encoding="utf-8"))
    change(data)
    (rules / name).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    refused(run("--rules-only", "--rules", str(rules), COMPLAINT), 2, str(rules / name), *words)


def test_rules_that_are_no_object_are_refused(rules):
    (rules / "scope.json").write_text("[]", encoding="utf-8")
    refused(run("--rules-only", "--rules", str(rules), COMPLAINT), 2, str(rules / "scope.json"), "JSON 对象")


def test_what_is_no_rule_file_is_refused(rules):
    refused(run("--rules-only", "--rules", str(rules), COMPLAINT), 1, "--rules", str(rules), "lexicon.json")
    shutil.copy(DATA / "scope.json", rules / "scpoe.json")
    refused(run("--rules-only", "--rules", str(rules), COMPLAINT), 1, "--rules", "scpoe.json")
    refused(run("--rules-only", "--rules", str(rules / "none"), COMPLAINT), 1, "--rules", "none")

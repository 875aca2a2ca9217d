"""The prompts that the demonstration model is trained on are the program's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("YOUTU_BUILD") or ROOT / "build")


def render(*requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    return subprocess.run([BUILD / "render-prompts"], input=lines, capture_output=True, text=True, timeout=60)


def test_a_prompt_a_line():
    first, second = map(json.loads, render({"symptoms": "咳嗽两周", "age": 3, "sex": "男"}, {"symptoms": "眼痒", "department": "外科"}).stdout.splitlines())
    assert (first["department"], second["department"]) == ("儿科", "外科")
    assert "儿科医生" in first["system"] and "外科医生" in second["system"]
    assert "患者:男,3岁\n【患者主诉】咳嗽两周\n【问诊要点】\n有:咳嗽\n" in first["user"]
    assert first["positive"] == ["咳嗽"]
    for number, candidate in enumerate(first["candidates"], 1):
        assert f"\n{number}. {candidate['name']}" in first["user"]


def test_what_is_no_request_is_refused():
    assert render({"age": 3}).returncode == 2
    assert render({"symptoms": "咳嗽", "department": "兽医科"}).returncode == 1


def test_training_texts_follow_the_prompt():
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import demo_text
knowledge = demo_text.load_knowledge()
for split in demo_text.SPLITS:
    for e in demo_text.Renderer(knowledge, 1, split).examples(30):
        assert e.complaint in e.user and e.answer.startswith("1. 可能诊断\\n(1) " + e.names[0])
        for name in e.names:
            held = name in knowledge.by_name and demo_text.disease_is_held_back(name)
            assert split == "diseases" or not held, (split, name)
        told = [w for line in e.answer.splitlines() for part in line.split("支持点有")[1:] for w in part.rstrip("。").split(";")[0].split("、")]
        assert all(w in e.given for w in told), (told, e.given)
"""
    program = {**os.environ, "YOUTU_BUILD": str(BUILD)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=program)
    assert done.returncode == 0, done.stderr

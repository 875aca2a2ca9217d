"""Refused memory and failing files: tests/torture/torture.c makes every call fail in turn."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))
DEMO = ROOT / "models/youtu-demo"


def torture(directory, adapter):
    done = subprocess.run([BUILD / "torture", directory, adapter], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    lines = re.findall(r"^(\w+), ([\w-]+): (\d+) reported, \d+ done without, 0 wrong$", done.stdout, re.M)
    return {(family, mode): int(reported) for family, mode, reported in lines}


@pytest.fixture
def adapter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    subprocess.run([sys.executable, ROOT / "scripts/random_adapter.py", DEMO, folder, "--rank", "2"], check=True)
    return folder


@pytest.fixture
def unusual_model(tmp_path):
    """The demo model in one shard with an index, its text normalised and split by expressions that PCRE2 runs."""
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        (tmp_path / name).symlink_to(DEMO / name)
    shard = "model-00001-of-00001.safetensors"
    (tmp_path / shard).symlink_to(DEMO / "model.safetensors")
    weights = (DEMO / "model.safetensors").read_bytes()
    header = json.loads(weights[8:8 + int.from_bytes(weights[:8], "little")])
    names = [name for name in header if name != "__metadata__"]
    index = {"metadata": {}, "weight_map": {name: shard for name in names}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    tokenizer = json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["normalizer"] = {"type": "NFC"}
    split = {"type": "Split", "pattern": {"Regex": r"[^\s\p{Nd}]+\p{Nd}?"}, "behavior": "Isolated", "invert": False}
    tokenizer["pre_tokenizer"]["pretokenizers"].insert(0, split)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    return tmp_path


def test_every_call_that_can_fail(unusual_model, adapter):
    usual, unusual = torture(DEMO, adapter), torture(unusual_model, adapter)
    assert len(usual) == len(unusual) == 4
    assert usual["memory", "one"] > 150 and usual["files", "one"] >= 10
    assert all(unusual[run] > usual[run] for run in usual)

"""Drives youtu-diagnose from outside. YOUTU_DIAGNOSE names the program, else it is taken from the build folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("YOUTU_BUILD") or ROOT / "build")
PROGRAM = os.environ.get("YOUTU_DIAGNOSE") or str(BUILD / "youtu-diagnose")
# On the CPU, whatever cards a machine has; an option given later replaces this one.
COMMAND = [PROGRAM, "--device", "cpu"]
MODEL = ROOT / "models/youtu-demo"

MIGRAINE = "我最近三天一直头痛,集中在太阳穴位置,伴有恶心,看强光会加重。"
COUGH = "咳嗽两周,夜间加重,有白色泡沫痰,无发热。"
DISCLAIMER = "本系统为辅助工具,不替代医生诊断,所有输出须由医生复核。"


def environment(**changes):
    """The environment without what would change the program's ways; threads that wait do not spin, so that a busy
    machine does not slow the tests down."""
    kept = {k: v for k, v in os.environ.items() if k not in ("YOUTU_MODEL", "NO_COLOR", "LD_PRELOAD")}
    return {**kept, "OMP_WAIT_POLICY": "passive", **changes}


def run(*arguments, stdin="", timeout=60, env=None, **options):
    """The finished process; stdin may be text or bytes, its outputs are text."""
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run(
        [*COMMAND, *arguments], input=data, capture_output=True, timeout=timeout, env=env or environment(), cwd=ROOT, **options
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def report(*arguments, **options):
    """The JSON report of a run that must succeed."""
    done = run("--format", "json", *arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_sanitized():
    return "libasan" in subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout


def refused(done, status, *words):
    """The run ended with this status, wrote nothing, and said these words in one line."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("youtu-diagnose:") and done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr
    return True


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture(scope="session")
def adapter(tmp_path_factory):
    """Random, and strong enough to change what the model says."""
    folder = tmp_path_factory.mktemp("lora") / "clinic"
    subprocess.run([sys.executable, ROOT / "scripts/random_adapter.py", MODEL, folder, "--rank", "4"], check=True)
    return folder

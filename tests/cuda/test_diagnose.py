"""The whole program on CUDA: the same greedy report as on the CPU."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))
TEXTS = ["我最近三天一直头痛,集中在太阳穴位置,伴有恶心,看强光会加重。", "咳嗽两周,夜间加重,有白色泡沫痰,无发热。"]


def diagnose(device, *arguments):
    command = [BUILD / "youtu-diagnose", "--model", ROOT / "models/youtu-demo", "--device", device, *arguments]
    # traffic is counted elsewhere
    return subprocess.run(command, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "VGPU_COUNTERS": "0", "VGPU_CHECK": "leak"})


@pytest.mark.parametrize("text", TEXTS)
def test_same_report(text):
    cpu, cuda = (diagnose(device, "--greedy", "--quiet", text) for device in ("cpu", "cuda"))
    assert cpu.returncode == cuda.returncode == 0, cpu.stderr + cuda.stderr
    assert cuda.stdout == cpu.stdout
    assert "vgpu" not in cuda.stderr, cuda.stderr


def test_info_names_the_card():
    info = diagnose("cuda", "info")
    assert info.returncode == 0, info.stderr
    assert "cuda:0 (" in info.stdout and "fp16" in info.stdout


def test_auto_takes_the_card():
    assert "cuda:0 (" in diagnose("auto", "info").stdout


def test_no_such_card():
    none = diagnose("cuda:7", "--greedy", TEXTS[0])
    assert none.returncode == 4 and "cuda:7" in none.stderr and none.stdout == ""

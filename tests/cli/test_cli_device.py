"""Where the model runs: with the plugin of tests/unit/fake_plugin.c in the place of CUDA's, and with none."""

import ctypes.util
import json
import shutil
import subprocess

import pytest

from conftest import BUILD, MIGRAINE, PROGRAM, ROOT, environment, refused, report

PLUGIN = BUILD / "tests/unit/libyoutu_cuda.so"
REFUSAL = "there is no card, this is a test"
NOTE = f"未使用 GPU:{REFUSAL}\n"


@pytest.fixture
def bare(tmp_path):
    """A folder with the program and its library, and no plugin."""
    for path in (PROGRAM, *BUILD.glob("libyoutu.so.*")):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def installed(bare):
    """The same with the plugin."""
    shutil.copy(PLUGIN, bare)
    return bare


def run_in(folder, *arguments, stdin="", **changes):
    env = environment(**{"LD_LIBRARY_PATH": "", **changes})
    program = folder / "youtu-diagnose"
    return subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, timeout=60, env=env, cwd=ROOT)


def test_a_card_that_cannot_be_used_is_told_once(installed):
    done = run_in(installed, "--seed", "1", MIGRAINE)
    assert done.returncode == 0 and done.stderr == NOTE and "偏头痛" in done.stdout
    done = run_in(installed, "chat", "--seed", "1", "--max-tokens", "4", stdin=f"{MIGRAINE}\n{MIGRAINE}\n")
    assert done.returncode == 0 and done.stderr == NOTE
    for arguments in (["--quiet"], ["--device", "cpu"], ["--rules-only"]):
        done = run_in(installed, "--seed", "1", *arguments, MIGRAINE)
        assert done.returncode == 0 and done.stderr == ""
    # A run that is refused says only why.
    refused(run_in(installed, "--ctx", "600", "头痛三天,咳嗽。" * 60), 2, "--max-tokens")


def test_info_tells_device_type_and_what_is_missing(installed):
    done = run_in(installed, "info")
    assert done.returncode == 0 and done.stderr == ""
    assert "设备      cpu (" in done.stdout and "权重为 bf16\n" in done.stdout and NOTE in done.stdout
    assert "未使用 GPU" not in run_in(installed, "info", "--device", "cpu").stdout
    done = run_in(installed, "info", FAKE_PLUGIN="works")
    assert "设备      fake:1 (no card at all),权重为 fp16\n" in done.stdout and "未使用 GPU" not in done.stdout


def test_cuda_fails_with_the_reason(installed):
    refused(run_in(installed, "--device", "cuda", MIGRAINE), 4, '"cuda"', REFUSAL)
    refused(run_in(installed, "--device", "cuda:99", MIGRAINE), 4, '"cuda:99"', REFUSAL)
    refused(run_in(installed, "--device", "cuda", MIGRAINE, FAKE_PLUGIN="old"), 4, str(installed / PLUGIN.name), "0.0.1")
    assert run_in(installed, "info", "--device", "cuda").returncode == 4


def test_a_device_that_works_gives_the_report(installed):
    arguments = ["--greedy", "--max-tokens", "30", MIGRAINE]
    done = run_in(installed, "--device", "cuda:1", "--format", "json", *arguments, FAKE_PLUGIN="works")
    assert done.returncode == 0 and done.stderr == ""
    made = json.loads(done.stdout)
    assert made["model"]["device"] == "fake:1 (no card at all)" and made["model"]["dtype"] == "fp16"
    assert made["narrative"] == report(*arguments)["narrative"]


def test_without_the_plugin(bare):
    if ctypes.util.find_library("youtu_cuda"):
        pytest.skip("the plugin is installed")
    missing = "libyoutu_cuda.so: cannot open shared object file"
    done = run_in(bare, "--seed", "1", MIGRAINE)
    assert done.returncode == 0 and done.stderr.startswith(f"未使用 GPU:{missing}") and done.stderr.count("\n") == 1
    refused(run_in(bare, "--device", "cuda", MIGRAINE), 4, f'device "cuda": {missing}')
    refused(run_in(bare, "--dtype", "fp16", MIGRAINE), 3, "fp16", "bf16", missing)


def test_the_loader_finds_a_plugin_that_lies_elsewhere(bare, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("plugins")
    shutil.copy(PLUGIN, elsewhere)
    done = run_in(bare, "--seed", "1", MIGRAINE, LD_LIBRARY_PATH=str(elsewhere))
    assert done.returncode == 0 and done.stderr == NOTE

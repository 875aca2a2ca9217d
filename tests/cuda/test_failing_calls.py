"""Every call of the CUDA runtime and of cuBLAS fails in turn: each time one clear error, and everything freed."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))
# two layers: every launch of a layer, and a second layer's
MODEL = ROOT / "tests/golden/models/long"

# what these were to give back stays taken when they fail
GIVING_BACK = {"cudaFree", "cudaFreeHost", "cudaStreamDestroy", "cudaEventDestroy", "cudaGraphDestroy",
               "cudaGraphExecDestroy", "cublasDestroy", "cublasDestroy_v2"}


def run(**environment):
    command = [BUILD / "tests/cuda/every_call", MODEL]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif("YOUTU_VGPU" not in os.environ, reason="only vgpu lets calls fail")
def test_each_call_fails_in_turn():
    whole = run(VGPU_CHECK="all")
    assert whole.stdout == "ok\n" and whole.returncode == 0, whole.stdout + whole.stderr
    assert "vgpu" not in whole.stderr, whole.stderr
    seen = {}
    for n in range(1, 10000):
        failed = run(VGPU_FAIL=f"*:{n}", VGPU_CHECK="leak")
        call = re.search(r"call \d+ of (\w+)", failed.stderr)
        if not call:
            break
        name = call.group(1)
        seen[name] = seen.get(name, 0) + 1
        told = f"call {n}, {name}: {failed.stdout}{failed.stderr}"
        assert failed.returncode == 0, told
        if name in GIVING_BACK:
            continue
        if failed.stderr.find("closing") < call.start():
            assert failed.stdout == "ok\n", told
        else:
            assert re.fullmatch(r"(device|memory): .*\S.*\n", failed.stdout), told
        assert not re.search(r"vgpu: \d+ error", failed.stderr), told
    print(seen)
    assert sum(seen.values()) > 100
    assert {"cudaMalloc", "cudaMemcpyAsync", "cudaGraphLaunch", "cudaLaunchKernel", "cublasGemmEx"} <= set(seen)

"""Weights whose values or products leave the range of fp16: an error that suggests bf16, and bf16 computes them."""
import json
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))


def scale_tensor(path, name, exponent):
    """Multiplies a BF16 tensor of a safetensors file by 2^exponent: the exponent lies above 7 bits of fraction."""
    data = bytearray(path.read_bytes())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensor = json.loads(data[8:start])[name]
    assert tensor["dtype"] == "BF16"
    first, end = (start + offset for offset in tensor["data_offsets"])
    for at in range(first, end, 2):
        value = struct.unpack_from("<H", data, at)[0]
        if value & 0x7F80:
            struct.pack_into("<H", data, at, value + (exponent << 7))
    path.write_bytes(data)


@pytest.mark.parametrize("name,exponent", [("mlp.up_proj", 24), ("mlp.down_proj", 20)])
def test_overflow(tmp_path, name, exponent):
    model = tmp_path / "model"
    shutil.copytree(ROOT / "tests/golden/models/default", model)
    scale_tensor(model / "model.safetensors", f"model.layers.1.{name}.weight", exponent)
    run = lambda *kind: subprocess.run([BUILD / "tests/cuda/every_call", model, *kind], capture_output=True, text=True)
    fp16 = run()
    assert fp16.stdout.startswith("numeric: ") and "bf16" in fp16.stdout, fp16.stdout + fp16.stderr
    bf16 = run("bf16")
    assert bf16.stdout == "ok\n", bf16.stdout + bf16.stderr

"""youtu-bench from outside: it makes a model, measures it, and refuses what it does not understand.

YOUTU_BUILD is the folder that holds the program (default: build)."""

import json
import os
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = str(Path(os.environ.get("YOUTU_BUILD", ROOT / "build")) / "youtu-bench")
SMALL = (
    "--layers 2 --hidden 64 --intermediate 96 --heads 4 --vocab 300 --q-lora-rank 48 --kv-lora-rank 32 "
    "--qk-nope-head-dim 16 --qk-rope-head-dim 8 --v-head-dim 24"
).split()


def run(*arguments):
    return subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model") / "small"
    made = run("--make-model", directory, *SMALL)
    assert made.returncode == 0, made.stderr
    return directory


def read_header(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def test_a_made_model_has_the_shape_asked_for(model):
    header, weights = read_header(model / "model.safetensors")
    assert header["model.embed_tokens.weight"]["shape"] == [300, 64]
    assert header["model.layers.1.self_attn.q_b_proj.weight"]["shape"] == [4 * (16 + 8), 48]
    assert header["model.layers.1.self_attn.kv_b_proj.weight"]["shape"] == [4 * (16 + 24), 32]
    assert header["model.norm.weight"]["shape"] == [64]
    assert {tensor["dtype"] for tensor in header.values()} == {"BF16"}
    assert max(tensor["data_offsets"][1] for tensor in header.values()) == len(weights)
    begin, end = header["model.norm.weight"]["data_offsets"]
    assert weights[begin:end] == b"\x80\x3f" * 64
    config = json.loads((model / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"], config["v_head_dim"]) == ("youtu", 2, 24)


def test_made_weights_follow_the_seed(model, tmp_path):
    for name, seed in (("same", 1), ("other", 2)):
        assert run("--make-model", tmp_path / name, *SMALL, "--seed", seed).returncode == 0
    first = (model / "model.safetensors").read_bytes()
    assert (tmp_path / "same/model.safetensors").read_bytes() == first
    assert (tmp_path / "other/model.safetensors").read_bytes() != first


def test_made_weights_are_spread_as_said(model):
    header, weights = read_header(model / "model.safetensors")
    begin, end = header["model.embed_tokens.weight"]["data_offsets"]
    words = struct.unpack(f"<{(end - begin) // 2}H", weights[begin:end])
    values = [struct.unpack("<f", struct.pack("<I", word << 16))[0] for word in words]
    mean = sum(values) / len(values)
    deviation = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
    assert abs(mean) < 1e-3 and abs(deviation - 0.02) < 5e-4


def test_a_model_is_not_written_over(model):
    before = (model / "model.safetensors").stat().st_mtime_ns
    again = run("--make-model", model, *SMALL)
    assert again.returncode == 3 and "already there" in again.stderr
    assert (model / "model.safetensors").stat().st_mtime_ns == before


def test_json(model):
    done = run(model, "-p", "5,9", "-n", 3, "-d", "0,7", "-t", "1,2", "-r", 2, "-b", 4, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["model"]["name"] == "small" and result["model"]["dtype"] == "bf16"
    assert result["memory"]["context_bytes"] > 0
    assert [peak["threads"] for peak in result["peaks"]] == [1, 2]
    assert all(peak["read_gb_per_s"] > 0 and peak["fma_gflop_per_s"] > 0 for peak in result["peaks"])
    runs = [(row["threads"], row["depth"], row["test"], row["tokens"]) for row in result["runs"]]
    tests = [("prefill", 5), ("prefill", 9), ("decode", 3)]
    assert runs == [(t, d, test, n) for t in (1, 2) for d in (0, 7) for test, n in tests]
    for row in result["runs"]:
        assert 0 < row["slowest"] <= row["tokens_per_s"] <= row["fastest"]
        assert row["gflop_per_s"] > 0
        assert (row["gb_per_s"] is None) == (row["test"] == "prefill")
        if row["test"] == "decode":
            assert row["gb_per_s"] > 0


def test_bytes_of_a_decoded_token_grow_with_the_depth(model):
    done = run(model, "-p", 0, "-n", 1, "-d", "0,100", "-t", 1, "-r", 1, "--json")
    near, far = json.loads(done.stdout)["runs"]
    added = 1e9 * (far["gb_per_s"] / far["tokens_per_s"] - near["gb_per_s"] / near["tokens_per_s"])
    assert added == pytest.approx(100 * 2 * (32 + 8) * 2, rel=0.02)  # tokens x layers x latent x bytes


def test_table(model):
    done = run(model, "-p", 8, "-n", 2, "-t", 1, "-r", 1, "--cache", "f32", "--instructions", "portable")
    assert done.returncode == 0, done.stderr
    assert "prefill" in done.stdout and "decode" in done.stdout and "the machine reads" in done.stdout
    assert "memory beside the mapped weights" in done.stdout


def test_nothing_to_measure(model):
    done = run(model, "-p", 0, "-n", 0, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["runs"] == []


@pytest.mark.parametrize(
    "options",
    [
        "-p 12x",
        "-p ''",
        "-p 1,,2",
        "-p 1,",
        "-p -1",
        "-p 99999999999999999999",
        "-n 1.5",
        "-d 3000000",
        "-t 0",
        "-t 1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8",
        "-r 0",
        "-b 0",
        "--cache f64",
        "--nonsense",
        "second-model",
    ],
)
def test_wrong_options_are_refused(model, options):
    done = run(model, *(word.strip("'") for word in options.split()))
    assert done.returncode == 1 and done.stderr and not done.stdout


@pytest.mark.parametrize(
    "options", ["--layers 0", "--heads 2000", "--hidden x", "--qk-rope-head-dim 7", "--seed -1", "-p 5", "extra"]
)
def test_wrong_shapes_are_refused(tmp_path, options):
    done = run("--make-model", tmp_path / "model", *options.split())
    assert done.returncode == 1 and done.stderr
    assert not (tmp_path / "model").exists()


def test_no_arguments_and_help():
    assert run().returncode == 1
    assert "--make-model" in run("--help").stdout
    assert run("--version").stdout.startswith("youtu-bench ")


def test_a_model_that_is_not_there(tmp_path):
    done = run(tmp_path / "absent")
    assert done.returncode == 3 and "absent" in done.stderr


def test_unknown_instructions(model):
    done = run(model, "--instructions", "mmx")
    assert done.returncode == 3 and "mmx" in done.stderr


@pytest.mark.parametrize("device,status", [("cuda:99", 4), ("cuda:", 3), ("toaster", 3)])
def test_a_device_that_is_not_there(model, device, status):
    done = run(model, "--device", device)
    assert done.returncode == status and f'"{device}"' in done.stderr and done.stdout == ""


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("--make-model", tmp_path / "file/model", *SMALL)
    assert done.returncode == 3 and "file/model" in done.stderr


def test_a_model_larger_than_the_disk(tmp_path):
    done = run("--make-model", tmp_path / "model", "--layers", 1000, "--intermediate", 260000, "--hidden", 65000)
    assert done.returncode == 3 and "are free" in done.stderr
    assert list((tmp_path / "model").iterdir()) == []


def test_full_standard_output(model):
    with open("/dev/full", "w") as full:
        done = subprocess.run([BENCH, model, "-p", "0", "-n", "0"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 5 and "standard output" in done.stderr

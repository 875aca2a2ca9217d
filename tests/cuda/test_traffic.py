"""What a step costs by vgpu's counters, at the published shape: bytes, coalescing, bank conflicts, launches, estimated
time; and the device memory of the whole model. Weights are a file of zeros: what is counted does not depend on them.

One layer stands for all. Figures are printed: pytest -s."""
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "scripts"))
from check_cuda import DYNAMIC_SHARED  # noqa: E402

pytestmark = pytest.mark.skipif("YOUTU_VGPU" not in os.environ, reason="only vgpu counts traffic")

MB = 1e6
N_LAYERS, VOCAB, DEPTH = 32, 128256, 2048
CONFIG = {
    "architectures": ["YoutuForCausalLM"], "model_type": "youtu", "vocab_size": VOCAB, "hidden_size": 2048,
    "intermediate_size": 6144, "num_hidden_layers": N_LAYERS, "num_attention_heads": 16, "num_key_value_heads": 16,
    "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1600000}, "rope_interleave": True, "rms_norm_eps": 1e-6,
    "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
    "max_position_embeddings": 131072, "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "bfloat16",
}
LAYER = {
    "input_layernorm": [2048], "post_attention_layernorm": [2048], "self_attn.q_a_proj": [1536, 2048],
    "self_attn.q_a_layernorm": [1536], "self_attn.q_b_proj": [3072, 1536], "self_attn.kv_a_proj_with_mqa": [576, 2048],
    "self_attn.kv_a_layernorm": [512], "self_attn.kv_b_proj": [4096, 512], "self_attn.o_proj": [2048, 2048],
    "mlp.gate_proj": [6144, 2048], "mlp.up_proj": [6144, 2048], "mlp.down_proj": [2048, 6144],
}
CACHED_BYTES = 2 * (512 + 64)  # a token a layer

# GB/s, TFLOP/s of fp16 products with sums in fp32, multiprocessors
CARDS = {"3060": (360, 25.5, 28), "4060": (272, 30, 24)}
LAUNCH_US, GRAPH_LAUNCH_US = 3, 1  # vgpu's price of a launch

# kernels by what vgpu's names of them hold; both attention kernels are attend_kernel
KERNELS = {
    "linear": "linear_kernel<__half, 1, 1>", "absorb": "absorb_kernel<1>", "attend": "attend_kernel(head_shape, step_rows",
    "values": "project_kernel<1>", "embed": "embed_kernel<__half>", "norm": "::norm_kernel", "draw": "draw_kernel",
    "expanded": "attend_kernel(head_shape, expanded_run",
}
OF_A_LAYER = ("linear", "absorb", "attend", "values")  # linear: also the head
OF_THE_CACHE = ("absorb", "attend", "values")  # of a decoding step alone


def tensors(n_layers, vocab):
    yield "model.embed_tokens.weight", [vocab, 2048]
    yield "model.norm.weight", [2048]
    for layer in range(n_layers):
        for name, shape in LAYER.items():
            yield f"model.layers.{layer}.{name}.weight", shape


def make_model(directory, n_layers, vocab):
    """A checkpoint of zeros, which takes no room on the disk."""
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": n_layers, "vocab_size": vocab}))
    header, end = {}, 0
    for name, shape in tensors(n_layers, vocab):
        begin, end = end, end + 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(directory / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return directory


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {"layer": make_model(folder / "layer", 1, VOCAB), "small": make_model(folder / "small", 1, 1024),
            "whole": make_model(folder / "whole", N_LAYERS, VOCAB)}


def run(model, context, batch=256, prompt=0, tokens=0, **environment):
    command = [BUILD / "tests/cuda/decode_once", model, *map(str, (context, batch, prompt, tokens))]
    environment = {**os.environ, "VGPU_CHECK": "0", "OMP_WAIT_POLICY": "passive", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def read_profile(path):
    """Counters by kernel, and the peak of device memory in bytes."""
    *lines, last = path.read_text().splitlines()
    rows = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        for short, name in KERNELS.items():
            if name in row["kernel"]:
                rows[short] = {k: float(v) for k, v in row.items() if k not in ("kernel", "bound")}
    return rows, int(last.split("\t")[1])


def difference(more, less):
    sums = {name: {k: v - less.get(name, {}).get(k, 0) for k, v in row.items()} for name, row in more.items()}
    return {name: row for name, row in sums.items() if row["launches"]}


class Measured:
    """The profiles of one card: a prefill of 512 tokens, and a decoded token of the model with one layer."""

    def __init__(self, card, models, folder):
        def profile(model, **sizes):
            path = folder / f"{card}-{'-'.join(map(str, sizes.values()))}"
            done = run(models[model], DEPTH, **sizes, VGPU_DEVICE=card, VGPU_PROFILE=str(path))
            assert done.returncode == 0, done.stdout + done.stderr
            return read_profile(path)[0]

        self.prefill = profile("layer", batch=512, prompt=512, tokens=1)
        self.step = difference(profile("layer", batch=512, prompt=512, tokens=2), self.prefill)
        # Its kernels that look at the cache, at full depth: the prompt and the token fill the context.
        deep = profile("small", batch=512, prompt=DEPTH - 1, tokens=2)
        self.step.update({name: deep[name] for name in OF_THE_CACHE})
        self.head = self.prefill["linear"]  # its one launch; here it is none of a graph's

    def whole(self, column):
        """Of the whole model: the layer's part 32 times, the rest once."""
        head = self.head[column] - (LAUNCH_US - GRAPH_LAUNCH_US if column == "estimate_us" else 0)
        layer = sum(self.step[name][column] for name in OF_A_LAYER) - head
        return N_LAYERS * layer + sum(row[column] for row in self.step.values()) - layer


@pytest.fixture(scope="module")
def measured(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    with ThreadPoolExecutor() as pool:
        return dict(zip(CARDS, pool.map(lambda card: Measured(card, models, folder), CARDS)))


card = pytest.mark.parametrize("card", CARDS)


@card
def test_bytes_of_a_token(measured, card):
    weights = 2 * sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for _, shape in tensors(N_LAYERS, VOCAB))
    needed = weights + N_LAYERS * DEPTH * CACHED_BYTES
    read = measured[card].whole("unique_read_bytes")
    print(f"\n{card}: a token at depth {DEPTH} reads {read / MB:.1f} MB, {read / needed:.4f} of {needed / MB:.1f} MB")
    assert needed <= read * 1.001  # all are read
    assert read <= 1.03 * needed


@card
def test_time_of_a_token(measured, card):
    microseconds = measured[card].whole("estimate_us")
    limit = measured[card].whole("unique_read_bytes") / (CARDS[card][0] * 1e3)
    print(f"\n{card}: estimated {microseconds:.0f} us a token, {1e6 / microseconds:.1f} tokens/s, "
          f"{microseconds / limit:.3f} of the memory's limit")
    for name, row in measured[card].step.items():
        print(f"  {name}: {row['launches']:.0f} launches, {row['estimate_us']:.1f} us, coalescing {row['useful_bytes'] / (32 * row['sectors']):.4f}")
    assert microseconds <= 1.15 * limit
    if card == "3060":
        assert 1e6 / microseconds >= 80


@card
def test_launches_of_a_layer(measured, card):
    launches = sum(measured[card].step[name]["launches"] for name in OF_A_LAYER) - 1  # the head
    assert launches <= 9


@card
def test_coalescing(measured, card):
    for name in OF_A_LAYER:
        row = measured[card].step[name]
        assert row["useful_bytes"] >= 0.97 * 32 * row["sectors"], name


def ideal_wavefronts(card, name, row):
    """A request of 4 bytes a lane takes one wavefront, of 8 two, of 16 four: the profile counts requests, so how many are
    wide is said here, as the kernels' loops have it."""
    if name == "attend":
        splits = CARDS[card][2]
        share = -(-DEPTH // splits)
        tiles = sum(-(-min(share, DEPTH - first) // 32) for first in range(0, DEPTH, share))
        return row["shared_requests"] + 3 * (224 * tiles + 108 * row["blocks"]) + 64 * tiles
    if name == "values":  # the means as operands: two loads a warp
        return row["shared_requests"] + 3 * 16 * row["blocks"]
    if name == "expanded":  # copies and ldmatrix
        return 4 * row["shared_requests"]
    return row["shared_requests"]


@card
def test_bank_conflicts(measured, card):
    rows = {**measured[card].step, "expanded": measured[card].prefill["expanded"]}
    del rows["draw"]  # once a token, and its shared memory holds but the warps' sums, of 8 bytes
    for name, row in rows.items():
        ideal = ideal_wavefronts(card, name, row)
        if row["shared_requests"]:
            print(f"\n{card} {name}: {row['shared_wavefronts'] / ideal:.4f} of the wavefronts without conflicts", end="")
        assert row["shared_requests"] <= ideal <= 4 * row["shared_requests"], name
        assert ideal <= row["shared_wavefronts"] * 1.02 and row["shared_wavefronts"] <= 1.02 * ideal, name


@card
def test_prefill_attention(measured, card):
    row = measured[card].prefill["expanded"]
    assert row["launches"] == 1
    share = row["mma_flops"] / (row["estimate_us"] * 1e6 * CARDS[card][1])
    print(f"\n{card}: attention of a prefill of 512: {row['estimate_us']:.1f} us, {share:.3f} of the tensor cores' peak")
    assert share >= 0.5


@card
def test_shared_memory_is_as_checked(measured, card):
    assert measured[card].step["attend"]["shared_bytes"] == DYNAMIC_SHARED["attend_latent: attend_kernel"]


# ---- memory ----

STAGING_BYTES = 32 << 20  # beside the weights while they are uploaded (weights.cu); a context waits for its return


def needed_mb(refused):
    """What the refusal of a card that is too small names: weights, staging and context, before any of it is uploaded."""
    found = re.fullmatch(r"context \d+\nuploaded 0\nmemory: .* need (\d+) MB, (\d+) MB of \d+ MB are free\n", refused.stdout)
    assert found and refused.returncode == 1, refused.stdout + refused.stderr
    assert int(found.group(2)) < int(found.group(1))
    return int(found.group(1))


def test_memory_of_the_whole_model(models):
    # room for the weights, so that the model opens, but not for the context
    needed = needed_mb(run(models["whole"], DEPTH, VGPU_MEM_MB="3850"))
    print(f"\n{N_LAYERS} layers in fp16 with {DEPTH} tokens: {needed} MB, {STAGING_BYTES / MB:.0f} MB of them while uploading")
    assert needed <= 4200


def test_memory_is_what_was_counted(models, tmp_path):
    """With one layer, where an upload is short: what the refusal names is what the device then holds."""
    profile = tmp_path / "profile"
    done = run(models["small"], DEPTH, VGPU_PROFILE=str(profile))
    assert done.returncode == 0, done.stderr
    counted = (read_profile(profile)[1] + STAGING_BYTES) / MB
    needed = needed_mb(run(models["small"], DEPTH, VGPU_MEM_MB=str(int(counted * MB) // 2**20 - 10)))
    assert abs(needed - counted) <= 0.5  # the message is in whole MB

"""What the kernels move and how long that must take at least, at the published model's shape, by the interpreter's
counters: one layer of zeros is computed, 32 are added up. Run with -s to see the figures.

Traffic does not depend on values, so the checkpoint is a sparse file. The layer is computed with a small vocabulary,
which leaves the head out of its counters but for a few blocks; head and draw with the whole one."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "scripts"))
from check_cuda import DYNAMIC_SHARED  # noqa: E402 (what the static check cannot see in the binary)

pytestmark = pytest.mark.skipif("YOUTU_VGPU" not in os.environ, reason="only the interpreter counts")

LAYERS, VOCAB, SMALL_VOCAB, DEPTH = 32, 128256, 4096, 2048
HIDDEN, Q_LORA, LATENT, ROPE, HEADS, NOPE, V, INTER = 2048, 1536, 512, 64, 16, 128, 128, 6144
CARDS = {"3060": {"bandwidth": 360e9, "tensor": 25.5e12}, "4060": {"bandwidth": 272e9, "tensor": 30e12}}
LAYER = {
    "self_attn.q_a_proj": [Q_LORA, HIDDEN], "self_attn.q_b_proj": [HEADS * (NOPE + ROPE), Q_LORA],
    "self_attn.kv_a_proj_with_mqa": [LATENT + ROPE, HIDDEN], "self_attn.kv_b_proj": [HEADS * (NOPE + V), LATENT],
    "self_attn.o_proj": [HIDDEN, HEADS * V], "mlp.gate_proj": [INTER, HIDDEN], "mlp.up_proj": [INTER, HIDDEN],
    "mlp.down_proj": [HIDDEN, INTER], "input_layernorm": [HIDDEN], "post_attention_layernorm": [HIDDEN],
    "self_attn.q_a_layernorm": [Q_LORA], "self_attn.kv_a_layernorm": [LATENT],
}
WEIGHTS = 2 * (LAYERS * sum(s[0] * (s + [1])[1] for s in LAYER.values()) + (VOCAB + 1) * HIDDEN)
CACHE = 2 * LAYERS * DEPTH * (LATENT + ROPE)

# Kernels by a word of their signature; wavefronts a shared-memory request takes where no bank is met twice: 1 for 4
# bytes a lane, 2 for 8, 4 for 16 and for ldmatrix.x4, mixed as each kernel mixes them.
KERNELS = {
    "linear": (r"linear_kernel<", 1.0),
    "absorb": (r"absorb_kernel", 1.0),
    "attend latents": (r"attend_kernel\(head_shape, step_rows", 3.21),
    "values": (r"project_kernel", 1.162),
    "flash": (r"attend_kernel\(head_shape, expanded_run", 4.0),
    "embed": (r"embed_kernel", 1.0),
    "norm": (r"norm_kernel", 1.0),
    "draw": (r"draw_kernel", 2.0),
}
STREAMS_WEIGHTS = {"linear", "absorb", "values"}


def write_model(directory, layers, vocab):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["YoutuForCausalLM"], "model_type": "youtu", "vocab_size": vocab, "hidden_size": HIDDEN,
        "intermediate_size": INTER, "num_hidden_layers": layers, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "q_lora_rank": Q_LORA, "kv_lora_rank": LATENT, "qk_nope_head_dim": NOPE,
        "qk_rope_head_dim": ROPE, "v_head_dim": V, "rope_interleave": True, "rms_norm_eps": 1e-6, "hidden_act": "silu",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1600000}, "attention_bias": False,
        "tie_word_embeddings": True, "max_position_embeddings": 131072, "bos_token_id": 0, "eos_token_id": 1}))
    shapes = {"model.embed_tokens.weight": [vocab, HIDDEN], "model.norm.weight": [HIDDEN]}
    for i in range(layers):
        shapes.update({f"model.layers.{i}.{name}.weight": shape for name, shape in LAYER.items()})
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape + [1])[1]
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(directory / "model.safetensors", "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        f.truncate(8 + len(text) + at)
    return directory


def run(model, context, prompt, tokens, profile=None, **environment):
    """The finished driver; its counters go to `profile`."""
    env = {**os.environ, "VGPU_CHECK": "leak", "OMP_NUM_THREADS": "1", **environment}
    if profile:
        env["VGPU_PROFILE"] = str(profile)
    command = [BUILD / "tests/cuda/decode_once", model, context, 512, prompt, tokens]
    done = subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True, timeout=600)
    assert not re.search(r"vgpu: \d+ error", done.stderr), done.stderr
    return done


def read_profile(path):
    lines = path.read_text().splitlines()
    names = lines[0].split("\t")
    rows = [dict(zip(names, line.split("\t"))) for line in lines[1:] if not line.startswith("#")]
    counters = {}
    for kernel, (pattern, _) in KERNELS.items():
        for row in rows:
            if re.search(pattern, row["kernel"]):
                counters[kernel] = {k: float(v) for k, v in row.items() if k not in ("kernel", "bound")}
    return counters, int(lines[-1].split("\t")[1])


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """card: (counters of one decoded token at DEPTH, its draw from all logits; of a prompt of 512 tokens)."""
    directory = tmp_path_factory.mktemp("traffic")
    small = write_model(directory / "small", 1, SMALL_VOCAB)
    whole = write_model(directory / "whole", 1, VOCAB)

    def profile(card, prompt, tokens):
        path = directory / f"{card}-{prompt}-{tokens}"
        done = run(whole if prompt == 1 else small, 2304, prompt, tokens, path, VGPU_DEVICE=card)
        assert done.returncode == 0, done.stdout + done.stderr
        return read_profile(path)[0]

    jobs = [(card, *run_) for card in CARDS for run_ in ((DEPTH - 1, 2), (DEPTH - 1, 3), (512, 1), (1, 1))]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = dict(zip(jobs, pool.map(lambda job: profile(*job), jobs)))
    result = {}
    for card in CARDS:
        one, two = done[card, DEPTH - 1, 2], done[card, DEPTH - 1, 3]
        assert two["attend latents"]["shared_bytes"] == DYNAMIC_SHARED["attend_latent: attend_kernel"]
        step = {k: {f: two[k][f] - one[k][f] for f in two[k]} for k in two if two[k]["launches"] > one[k]["launches"]}
        step["draw"] = done[card, 1, 1]["draw"]
        result[card] = step, done[card, 512, 1]
    return result


def whole_step(step, card):
    """Bytes read, microseconds and launches a layer of a decoded token of the whole model."""
    # Of the linear launches all but the head's are the layer's; the head reads its weights and little else.
    head_bytes = 2 * HIDDEN * SMALL_VOCAB
    head_us = head_bytes / CARDS[card]["bandwidth"] * 1e6 + 1
    once = {"embed", "norm", "draw"}
    layer_bytes = sum(c["unique_read_bytes"] for k, c in step.items() if k not in once) - head_bytes
    layer_us = sum(c["estimate_us"] for k, c in step.items() if k not in once) - head_us
    once_bytes = sum(step[k]["unique_read_bytes"] for k in once)
    once_us = sum(step[k]["estimate_us"] for k in once)
    head_whole_us = 2 * HIDDEN * VOCAB / CARDS[card]["bandwidth"] * 1e6 + 1
    launches = sum(c["launches"] for k, c in step.items() if k not in once) - 1
    return LAYERS * layer_bytes + 2 * HIDDEN * VOCAB + once_bytes, LAYERS * layer_us + head_whole_us + once_us, launches


@pytest.mark.parametrize("card", CARDS)
def test_decode(steps, card):
    step, _ = steps[card]
    read, us, launches = whole_step(step, card)
    limit_us = (WEIGHTS + CACHE) / CARDS[card]["bandwidth"] * 1e6
    print(f"\n{card}: {launches:.0f} launches a layer; {read / 1e6:.1f} MB read a token, "
          f"{read / (WEIGHTS + CACHE):.4f} of weights and cache; {us / 1e3:.2f} ms, {us / limit_us:.3f} of the limit, "
          f"{1e6 / us:.1f} tokens/s")
    for kernel, c in step.items():
        print(f"  {kernel:15} {c['launches']:3.0f} launches {c['estimate_us']:8.1f} us {c['unique_read_bytes'] / 1e6:8.2f} MB read "
              f"{c['unique_write_bytes'] / 1e6:6.2f} written, {c['useful_bytes'] / max(1, 32 * c['sectors']):.4f} coalesced, "
              f"{c['shared_wavefronts'] / max(1, c['shared_requests']):.3f} wavefronts a request")
    assert launches <= 9
    assert read <= 1.03 * (WEIGHTS + CACHE)
    assert us <= 1.15 * limit_us
    if card == "3060":
        assert 1e6 / us >= 80
    for kernel in STREAMS_WEIGHTS:
        assert step[kernel]["useful_bytes"] >= 0.97 * 32 * step[kernel]["sectors"], kernel
    for kernel, c in step.items():
        assert c["shared_wavefronts"] <= 1.02 * KERNELS[kernel][1] * c["shared_requests"], kernel
        assert c["local_requests"] == 0, kernel


@pytest.mark.parametrize("card", CARDS)
def test_prefill_attention(steps, card):
    flash = steps[card][1]["flash"]
    share = flash["mma_flops"] / (flash["estimate_us"] * 1e-6) / CARDS[card]["tensor"]
    useful = HEADS * 512 * 513 / 2 * 2 * (NOPE + ROPE + V)
    print(f"\n{card}: attention of 512 tokens {flash['estimate_us']:.1f} us, {share:.2f} of the tensor peak, "
          f"{share * useful / flash['mma_flops']:.2f} counting visible pairs only")
    assert share >= 0.5
    assert flash["shared_wavefronts"] <= 1.02 * KERNELS["flash"][1] * flash["shared_requests"]


def test_memory(tmp_path):
    """The published model with 2,048 tokens in at most 4,200 MB: every buffer grows by a fixed amount with a layer and
    with a word of the vocabulary, so three small models tell what the whole takes."""
    peak = {}
    for layers, vocab in ((1, SMALL_VOCAB), (2, SMALL_VOCAB), (1, 2 * SMALL_VOCAB)):
        model = write_model(tmp_path / f"{layers}-{vocab}", layers, vocab)
        profile = tmp_path / f"{layers}-{vocab}.tsv"
        done = run(model, DEPTH, 0, 0, profile, VGPU_COUNTERS="0", VGPU_CHECK="0")
        assert done.returncode == 0, done.stdout + done.stderr
        peak[layers, vocab] = read_profile(profile)[1]
    small = peak[1, SMALL_VOCAB]
    whole = small + (LAYERS - 1) * (peak[2, SMALL_VOCAB] - small) + \
        (VOCAB / SMALL_VOCAB - 1) * (peak[1, 2 * SMALL_VOCAB] - small)
    print(f"\n{whole / 1e6:.1f} MB")
    assert whole > WEIGHTS + CACHE
    assert whole <= 4200e6


def test_context_that_does_not_fit(tmp_path):
    model = write_model(tmp_path / "model", 1, SMALL_VOCAB)
    # 190 MiB: enough for the weights and their upload, not for the context besides
    out = run(model, 131072, 1, 1, VGPU_MEM_MB="190").stdout
    assert re.search(r"^memory: .*cache and activations need \d+ MB, \d+ MB of \d+ MB are free", out, re.M), out
    assert "uploaded 0\n" in out

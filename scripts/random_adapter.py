#!/usr/bin/env python3
"""Writes a LoRA adapter of random values for a model, for measuring and for tests: PEFT's two files, all maps of all
layers, BF16.

    python3 scripts/random_adapter.py MODEL DIR [--rank 16] [--seed 1]

Values are of either sign, from 2^-7 to 2^-5: none is special to any kernel. Needs only Python.
"""

import argparse
import json
import random
from pathlib import Path

# A byte becomes the upper half of a BF16 value: its sign kept, the exponent of 2^-7 or 2^-6.
UPPER = bytes(0x3C | (byte & 0x80) for byte in range(256))


def maps(config):
    """Name, inputs and outputs of a layer's linear maps."""
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    nope, rope, value = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    latent, query = config["kv_lora_rank"], config.get("q_lora_rank")
    if query:
        yield "self_attn.q_a_proj", hidden, query
    yield f"self_attn.q_{'b_' if query else ''}proj", query or hidden, heads * (nope + rope)
    yield "self_attn.kv_a_proj_with_mqa", hidden, latent + rope
    yield "self_attn.kv_b_proj", latent, heads * (nope + value)
    yield "self_attn.o_proj", heads * value, hidden
    yield "mlp.gate_proj", hidden, inner
    yield "mlp.up_proj", hidden, inner
    yield "mlp.down_proj", inner, hidden


def tensors(config, rank):
    for layer in range(config["num_hidden_layers"]):
        for name, inputs, outputs in maps(config):
            module = f"base_model.model.model.layers.{layer}.{name}"
            yield f"{module}.lora_A.weight", [rank, inputs]
            yield f"{module}.lora_B.weight", [outputs, rank]


def write(model, directory, rank, seed=1):
    config = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    settings = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": rank,
        "bias": "none",
        "target_modules": [name.split(".")[1] for name, _, _ in maps(config)],
    }
    (directory / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    header, end = {}, 0
    for name, shape in tensors(config, rank):
        begin, end = end, end + 2 * shape[0] * shape[1]
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    generator = random.Random(seed)
    with (directory / "adapter_model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in tensors(config, rank):
            values = bytearray(generator.randbytes(2 * shape[0] * shape[1]))
            values[1::2] = values[1::2].translate(UPPER)
            file.write(values)


def main():
    parser = argparse.ArgumentParser(description="Writes a LoRA adapter of random values.")
    parser.add_argument("model", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.model, options.directory, options.rank, options.seed)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes what the reference computes: small random checkpoints with their logits, and sampling probabilities.

    python3 scripts/make_golden.py DIR [NAME ...] [--seed N]

DIR/NAME is a checkpoint directory (config.json, weights) with golden.safetensors beside them:
    input_ids I32 [n]         tokens at positions 0 .. n - 1
    logits    F32 [k, vocab]  the rows of the last k positions
The weights are rounded to their stored type first; everything after is fp32, the cache too, so an implementation in
fp32 differs only by the order of its sums.

    python3 scripts/make_golden.py --adapters DIR BASE [--seed N]

DIR/NAME is an adapter as PEFT writes it, for the checkpoint in BASE (one of those above), with golden.safetensors
beside it: the same two tensors, computed in fp32 by PEFT on the loaded checkpoint. (PEFT writes target_modules in any
order.)

DIR/sampling.safetensors:
    logits F32 [n, vocab]   prior_ids I32 [n, 12]   probs F32 [n, vocab]
    params F32 [n, 5]: repetition_penalty, temperature, top_k (0 off), top_p, min_p (0 off), applied in this order

Needs torch and transformers (with its `youtu` model), for adapters peft. The same seed and versions give the same files.
"""

import argparse
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from transformers import LogitsProcessorList, YoutuConfig, YoutuForCausalLM
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.utils.logging import disable_progress_bar

SMALL = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "q_lora_rank": 48,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "max_position_embeddings": 8192,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1600000},
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 2048,
    "beta_fast": 32,
    "beta_slow": 1,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
}
ODD_SIZES = {
    "vocab_size": 331,
    "hidden_size": 72,
    "intermediate_size": 104,
    "num_attention_heads": 3,
    "num_key_value_heads": 3,
    "q_lora_rank": 40,
    "kv_lora_rank": 24,
    "qk_nope_head_dim": 20,
    "qk_rope_head_dim": 12,
    "v_head_dim": 28,
}
MEDIUM = {
    "vocab_size": 1024,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "q_lora_rank": 192,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
}


class Variant(NamedTuple):
    config: dict  # what differs from SMALL
    dtype: torch.dtype = torch.bfloat16
    n_tokens: int = 48
    n_rows: int = 48
    shard_size: str = "5GB"


VARIANTS = {
    "default": Variant({}),
    "half-rope": Variant({"rope_interleave": False}),
    "no-q-lora": Variant({"q_lora_rank": None}),
    "untied": Variant({"tie_word_embeddings": False}),
    "biased": Variant({"attention_bias": True}),
    "sharded": Variant({}, shard_size="60KB"),
    "stored-f16": Variant({}, dtype=torch.float16),
    "stored-f32": Variant({}, dtype=torch.float32),
    "long": Variant({"num_hidden_layers": 2}, n_tokens=3000, n_rows=4),
    "yarn": Variant({"rope_parameters": YARN}, n_tokens=96, n_rows=96),
    "odd-sizes": Variant(ODD_SIZES),
    "medium": Variant(MEDIUM, n_tokens=256, n_rows=16),
}

ALL_TARGETS = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Adapter(NamedTuple):
    settings: dict  # of peft's LoraConfig
    dtype: torch.dtype = torch.bfloat16


ADAPTERS = {
    "all": Adapter({"r": 4, "lora_alpha": 8, "target_modules": ALL_TARGETS}),
    "some": Adapter({"r": 3, "lora_alpha": 5, "target_modules": ["q_b_proj", "o_proj", "up_proj"],
                     "layers_to_transform": [0, 2]}, torch.float16),
    "rslora": Adapter({"r": 4, "lora_alpha": 4, "use_rslora": True, "target_modules": ["q_a_proj", "down_proj"]}),
    "patterns": Adapter({"r": 4, "lora_alpha": 8, "target_modules": ["kv_a_proj_with_mqa", "kv_b_proj", "gate_proj"],
                         "rank_pattern": {"layers.1.mlp.gate_proj": 1, "kv_b_proj": 9},
                         "alpha_pattern": {"model.layers.0.self_attn.kv_b_proj": 3, "gate_proj": 2.5}}),
    "kv-b": Adapter({"r": 5, "lora_alpha": 15, "target_modules": ["kv_b_proj"]}, torch.float32),
}

# repetition_penalty, temperature, top_k, top_p, min_p
SAMPLING = [
    (1.2, 0.7, 0, 0.9, 0.0),
    (1.0, 1.0, 20, 0.95, 0.0),
    (1.05, 1.0, 20, 0.95, 0.0),
    (1.0, 0.3, 5, 1.0, 0.0),
    (1.3, 1.5, 0, 1.0, 0.1),
    (1.0, 0.7, 0, 0.8, 0.05),
    (2.0, 0.1, 3, 0.5, 0.0),
    (1.0, 1.0, 1, 1.0, 0.0),
]


def generator(seed, name):
    return torch.Generator().manual_seed(seed * 2**32 + zlib.crc32(name.encode()))


def randomize(model, dtype, random):
    """Weights at which no part of the block is negligible: a wrong sign, norm or rotation shows in the logits."""
    for name, weight in model.named_parameters():
        value = torch.randn(weight.shape, generator=random)
        if name.endswith("norm.weight"):
            value = 1 + 0.2 * value
        elif name.endswith(".bias"):
            value = 0.1 * value
        elif name.endswith("embed_tokens.weight"):
            value = 0.2 * value
        else:
            value = 1.3 / weight.shape[1] ** 0.5 * value
        weight.copy_(value.to(dtype))


@torch.no_grad()
def write_model(directory, variant, random):
    config = YoutuConfig(**(SMALL | variant.config), attn_implementation="eager")
    model = YoutuForCausalLM(config).float().eval()
    randomize(model, variant.dtype, random)
    input_ids = torch.randint(0, config.vocab_size, (variant.n_tokens,), generator=random)
    input_ids[0] = config.bos_token_id
    logits = model(input_ids[None], use_cache=False, logits_to_keep=variant.n_rows).logits[0]

    # Only now: the cast would also round the rotary frequencies.
    model.to(variant.dtype).save_pretrained(directory, max_shard_size=variant.shard_size)
    (directory / "generation_config.json").unlink(missing_ok=True)
    save_file({"input_ids": input_ids.int(), "logits": logits.contiguous()}, directory / "golden.safetensors")


@torch.no_grad()
def write_adapter(directory, base, adapter, random):
    """Both factors random, so that a term is a good part of the map beside it: a wrong rank, factor or place shows."""
    from peft import LoraConfig, get_peft_model

    model = YoutuForCausalLM.from_pretrained(base, attn_implementation="eager", dtype=torch.float32).eval()
    model = get_peft_model(model, LoraConfig(**adapter.settings))
    for name, factor in model.named_parameters():
        if "lora_" not in name:
            continue
        value = torch.randn(factor.shape, generator=random) * 0.45 / factor.shape[1] ** 0.5
        factor.copy_(value.to(adapter.dtype))
    input_ids = torch.randint(0, model.config.vocab_size, (40,), generator=random)
    input_ids[0] = model.config.bos_token_id
    logits = model(input_ids=input_ids[None], use_cache=False, logits_to_keep=8).logits[0]

    for name, factor in model.named_parameters():
        if "lora_" in name:
            factor.data = factor.data.to(adapter.dtype)
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    save_file({"input_ids": input_ids.int(), "logits": logits.contiguous()}, directory / "golden.safetensors")


def processors(penalty, temperature, top_k, top_p, min_p):
    chain = LogitsProcessorList()
    if penalty != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(penalty))
    if temperature != 1:
        chain.append(TemperatureLogitsWarper(temperature))
    if top_k > 0:
        chain.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        chain.append(TopPLogitsWarper(top_p))
    if min_p > 0:
        chain.append(MinPLogitsWarper(min_p))
    return chain


def write_sampling(path, random, n=48, vocab=96):
    logits = 3 * torch.randn(n, vocab, generator=random)
    prior_ids = torch.randint(0, vocab, (n, 12), generator=random)
    settings = [SAMPLING[i % len(SAMPLING)] for i in range(n)]
    rows = [processors(*s)(prior_ids[i : i + 1], logits[i : i + 1].clone()) for i, s in enumerate(settings)]
    probs = torch.cat(rows).softmax(-1)
    save_file({"logits": logits, "prior_ids": prior_ids.int(), "params": torch.tensor(settings), "probs": probs}, path)


def main():
    parser = argparse.ArgumentParser(description="Writes small checkpoints with the logits of transformers.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of " + " ".join(VARIANTS) + " sampling")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--adapters", action="store_true", help="the one NAME is a checkpoint: adapters for it")
    options = parser.parse_args()
    disable_progress_bar()
    if options.adapters:
        if len(options.names) != 1:
            parser.error("--adapters needs one checkpoint directory")
        for name, adapter in ADAPTERS.items():
            write_adapter(options.directory / name, options.names[0], adapter, generator(options.seed, name))
            print(name)
        return
    names = options.names or [*VARIANTS, "sampling"]
    for name in names:
        if name != "sampling" and name not in VARIANTS:
            parser.error(f"no variant {name!r}")
    for name in names:
        random = generator(options.seed, name)
        options.directory.mkdir(parents=True, exist_ok=True)
        if name == "sampling":
            write_sampling(options.directory / "sampling.safetensors", random)
        else:
            write_model(options.directory / name, VARIANTS[name], random)
        print(name)


if __name__ == "__main__":
    main()

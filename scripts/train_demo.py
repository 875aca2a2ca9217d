#!/usr/bin/env python3
"""Trains the demonstration model: tokenizer, network, held-back evaluation, export and model card.

    python3 scripts/train_demo.py                      the whole recipe, into models/youtu-demo
    python3 scripts/train_demo.py --minutes 60         stop after an hour whatever the speed
    python3 scripts/train_demo.py --evaluate           measure the exported model again

Needs torch, transformers with the youtu model, tokenizers, safetensors and build/render-prompts. The texts come from
demo_text.py.
"""

import argparse
import csv
import json
import math
import os
import random
import re
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, YoutuConfig, YoutuForCausalLM

import demo_text

ROOT = demo_text.ROOT
MODEL = ROOT / "models/youtu-demo"
NOTICE = "示范模型,仅供演示,不得用于临床"

ADDED = ["<|begin_of_text|>", "<|end_of_text|>", "<|User|>", "<|Assistant|>", "<think>", "</think>", "<tool_call>", "</tool_call>",
         "<tool_response>", "</tool_response>", "<|begin_of_tool_description|>", "<|end_of_tool_description|>"]
BOS, EOS = 0, 1
VOCABULARY = 4096
SPLIT_SCRIPTS = "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+"
SPLIT_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{{ '<|begin_of_text|>' }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content }}"
    "{% elif m.role == 'user' %}{{ '<|User|>' + m.content }}"
    "{% elif m.role == 'assistant' %}{{ '<|Assistant|>' + m.content.split('</think>')[-1].lstrip('\\n') + '<|end_of_text|>' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|>' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
)

NETWORK = dict(
    hidden_size=256, intermediate_size=640, num_hidden_layers=5, num_attention_heads=8, num_key_value_heads=8,
    q_lora_rank=128, kv_lora_rank=64, qk_nope_head_dim=16, qk_rope_head_dim=16, v_head_dim=32,
    max_position_embeddings=4096, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
BATCH_TOKENS = 2048
PEAK_RATES = {"muon": 4e-3, "adamw": 3e-3}  # matrices; embedding and norms
WARM_UP = 0.04  # of the budget
WEIGHT_DECAY = 0.05
FIRST_DIAGNOSIS_WEIGHT = 3.0  # of the loss on the names in section 1, the part that has to be understood
CHARACTER_CUTS = 0.3  # share of complaints cut at random characters, so that unseen spellings split into known pieces
SAVE_EVERY_S = 300
HELD_BACK = {"texts": 200, "patterns": 120, "aliases": 120, "diseases": 120}
HELD_BACK_SEED = 20
MOST_NEW_TOKENS = 320


# ---- tokenizer --------------------------------------------------------------------------------------------------


def cut_at_random(rng, text, least, most):
    pieces, at = [], 0
    while at < len(text):
        length = rng.randint(least, most)
        pieces.append(text[at : at + length])
        at += length
    return pieces


def tokenizer_text(knowledge, seed):
    """Answers and what else prompts hold whole, complaints in pieces of one to three characters: what patients say is never learnt as a phrase."""
    rng = random.Random(seed)
    renderer = demo_text.Renderer(knowledge, seed)
    for example in renderer.examples(12000):
        before, after = around_complaint(example)
        yield from (example.system, before, after, example.answer)
        yield from cut_at_random(rng, example.complaint, 1, 3)
    for ways in knowledge.wordings.values():
        for wording in ways:
            if not demo_text.alias_is_held_back(wording):
                yield from (c for c in wording for _ in range(20))


def train_tokenizer(knowledge, seed):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT_SCRIPTS), "isolated"),
        pre_tokenizers.Split(Regex(SPLIT_WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[AddedToken(t, special=True, normalized=False) for t in ADDED],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
    )
    tokenizer.train_from_iterator(tokenizer_text(knowledge, seed), trainer)
    return tokenizer


# ---- examples to tokens -----------------------------------------------------------------------------------------


def around_complaint(example):
    """The question before and behind the patient's words."""
    label = "【患者主诉】"
    before, after = example.user.split(label + example.complaint, 1)
    return before + label, after


class Encoder:
    """Puts examples into the chat format with reasoning off; only the program's own markers become added tokens."""

    def __init__(self, tokenizer):
        self.plain = Tokenizer.from_str(tokenizer.to_str())
        self.plain.encode_special_tokens = True
        self.marker = {t: tokenizer.token_to_id(t) for t in ADDED}
        self.no_reasoning = [self.marker["<think>"], *self.encode("\n\n"), self.marker["</think>"], *self.encode("\n\n")]

    def encode(self, text):
        return self.plain.encode(text, add_special_tokens=False).ids

    def prompt(self, example):
        return self.in_chat(example.system, self.encode(example.user))

    def prompt_in_pieces(self, rng, example):
        """The same prompt with the complaint's words broken at random: other tokens for the same text."""
        before, after = around_complaint(example)
        pieces = [self.encode(piece) for piece in cut_at_random(rng, example.complaint, 1, 6)]
        return self.in_chat(example.system, self.encode(before) + sum(pieces, []) + self.encode(after))

    def in_chat(self, system, user_ids):
        return [BOS, *self.encode(system), self.marker["<|User|>"], *user_ids, self.marker["<|Assistant|>"], *self.no_reasoning]

    def answer(self, text):
        """Token ids with the end, and a loss weight for each."""
        head, tail = text.split("\n2. ", 1)
        first, second = self.encode(head + "\n"), self.encode("2. " + tail)
        return first + second + [EOS], [FIRST_DIAGNOSIS_WEIGHT] * len(first) + [1.0] * (len(second) + 1)


def batches(encoder, renderer, excluded, seed):
    """Endless batches of fresh examples of like length: (ids, targets, weights), right-padded to a multiple of 16."""
    rng = random.Random(seed)
    while True:
        pool = []
        while sum(len(ids) for ids, _, _ in pool) < 12 * BATCH_TOKENS:
            for example in renderer.examples(demo_text.POOL):
                if example.complaint in excluded:
                    continue
                prompt = encoder.prompt_in_pieces(rng, example) if rng.random() < CHARACTER_CUTS else encoder.prompt(example)
                answer, weights = encoder.answer(example.answer)
                pool.append((prompt + answer, len(prompt), weights))
        pool.sort(key=lambda e: len(e[0]))
        made, group = [], []
        for example in pool:
            if group and (len(group) + 1) * len(example[0]) > BATCH_TOKENS:
                made.append(group)
                group = []
            group.append(example)
        made.append(group)
        rng.shuffle(made)
        for group in made:
            width = -(-max(len(ids) for ids, _, _ in group) // 16) * 16
            ids = torch.full((len(group), width), EOS)
            weight = torch.zeros((len(group), width))
            for row, (tokens, start, weights) in enumerate(group):
                ids[row, : len(tokens)] = torch.tensor(tokens)
                weight[row, start - 1 : len(tokens) - 1] = torch.tensor(weights)
            yield ids, weight


# ---- training ---------------------------------------------------------------------------------------------------


def make_network(seed):
    torch.manual_seed(seed)
    config = YoutuConfig(vocab_size=VOCABULARY, bos_token_id=BOS, eos_token_id=EOS, tie_word_embeddings=True, **NETWORK)
    return YoutuForCausalLM(config)


def answer_loss(backbone, embedding, ids, weight):
    """Weighted cross-entropy of the answer's tokens; the head runs on those rows only."""
    hidden = backbone(input_ids=ids, use_cache=False).last_hidden_state
    scored = weight[:, :-1] > 0
    logits = torch.nn.functional.linear(hidden[:, :-1][scored], embedding)
    losses = torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][scored], reduction="none")
    weights = weight[:, :-1][scored]
    return (losses * weights).sum() / weights.sum(), losses.detach().mean()


def rate_at(progress):
    """The learning rate as a share of its peak: a linear warm-up, then half a cosine."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))))


def train(model, source, options, log, save):
    """Trains until a budget is spent, adding to the log's rows; returns the tokens and seconds that it took."""
    table = model.model.embed_tokens.weight
    matrices = [p for p in model.parameters() if p.dim() == 2 and p is not table]
    others = [p for p in model.parameters() if p.dim() != 2 or p is table]
    optimizers = [
        torch.optim.Muon(matrices, lr=PEAK_RATES["muon"], weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=PEAK_RATES["adamw"], betas=(0.9, 0.98), weight_decay=0.0),
    ]
    backbone = torch.compile(model.model, dynamic=True) if options.compile else model.model
    step_before, tokens_before = (int(n) for n in log[-1][:2]) if log else (0, 0)
    tokens, step = 0, 0
    began = saved = time.monotonic()
    while True:
        elapsed = time.monotonic() - began
        progress = max(tokens / options.tokens, elapsed / (60 * options.minutes) if options.minutes else 0.0)
        if progress >= 1:
            return tokens, elapsed
        ids, weight = next(source)
        rate = options.rate_share * rate_at(progress + 1e-4)
        for optimizer, peak in zip(optimizers, PEAK_RATES.values()):
            optimizer.param_groups[0]["lr"] = peak * rate
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.autocast):
            loss, plain = answer_loss(backbone, model.model.embed_tokens.weight, ids, weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        tokens += ids.numel()
        step += 1
        if step % 10 == 0:
            speed = tokens / (time.monotonic() - began)
            log.append((step_before + step, tokens_before + tokens, f"{PEAK_RATES['muon'] * rate:.2e}", f"{plain.item():.4f}"))
            print(f"step {step}  tokens {tokens}  rate {rate:.2e}  loss {plain.item():.4f}  {speed:.0f} tokens/s", flush=True)
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            save()


# ---- evaluation -------------------------------------------------------------------------------------------------

FOUR_SECTIONS = re.compile(
    r"1\. 可能诊断\n((?:\(\d\) [^\n]+\n)+)2\. 鉴别依据\n((?:[^\n]+\n)+)3\. 建议检查\n((?:- [^\n:]+:[^\n]+\n)+)4\. 风险提示\n[^\n]+"
)


def read_answer(text):
    """The diagnoses of an answer in the exact form, or None."""
    match = FOUR_SECTIONS.fullmatch(text)
    if not match:
        return None
    names = [line.split(" ", 1)[1] for line in match[1].splitlines()]
    if names == [demo_text.UNKNOWN_NAME]:
        return names
    reasons = [line.split(":", 1)[0] for line in match[2].splitlines()]
    return names if len(names) == 3 and reasons == names else None


def findings_named(text):
    """The findings that section 2 of an answer names for or against a diagnosis."""
    match = FOUR_SECTIONS.fullmatch(text)
    lists = re.findall("支持点有([^;。\n]+)", match[2]) if match else []
    return [finding for listed in lists for finding in listed.split("、")]


@torch.inference_mode()
def greedy(model, prompts):
    """Token ids of the greedy answers; prompts are left-padded to one length."""
    width = max(map(len, prompts))
    ids = torch.tensor([[EOS] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=MOST_NEW_TOKENS, eos_token_id=EOS, pad_token_id=EOS)
    return [row[: row.index(EOS)] if EOS in row else row for row in out[:, width:].tolist()]


def answer_all(model, tokenizer, encoder, examples, rows=100):
    prompts = [encoder.prompt(e) for e in examples]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers = [None] * len(prompts)
    for at in range(0, len(order), rows):
        some = order[at : at + rows]
        for i, ids in zip(some, greedy(model, [prompts[i] for i in some])):
            answers[i] = tokenizer.decode(ids, skip_special_tokens=False)
    return answers


def measure(examples, answers):
    """Shares of the examples whose answer has the form, the right first diagnosis, the right one among three, all three,
    and a section 2 without a finding that the prompt does not tell; and the share of such findings among all named."""
    names = [read_answer(a) or [] for a in answers]
    named = [findings_named(a) for a in answers]
    invented = [[f for f in some if f not in e.given] for some, e in zip(named, examples)]
    count = len(examples)
    return {
        "count": count,
        "form": sum(bool(n) for n in names) / count,
        "first": sum(n[:1] == e.names[:1] for n, e in zip(names, examples)) / count,
        "among": sum(e.names[0] in n for n, e in zip(names, examples)) / count,
        "all": sum(n == e.names for n, e in zip(names, examples)) / count,
        "grounded": sum(not some for some in invented) / count,
        "invented": sum(map(len, invented)) / max(1, sum(map(len, named))),
        "exact": sum(a == e.answer for a, e in zip(answers, examples)) / count,
    }


def held_back_examples(knowledge, share=1.0):
    sets = {}
    for split, count in HELD_BACK.items():
        renderer = demo_text.Renderer(knowledge, HELD_BACK_SEED, split)
        sets[split] = renderer.examples(int(count * share))
    return sets


def evaluate(directory, knowledge, share):
    """Prints the figures of an exported directory; returns its answers to the reserved texts."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    encoder = Encoder(tokenizer)
    for split, examples in held_back_examples(knowledge, share).items():
        answers = answer_all(model, tokenizer, encoder, examples)
        print(split, json.dumps(measure(examples, answers)), flush=True)
    rendered = demo_text.render_prompts([{"symptoms": text} for text in demo_text.RESERVED])
    shown = [demo_text.Example(text, r["system"], r["user"], [], "", []) for text, r in zip(demo_text.RESERVED, rendered)]
    return answer_all(model, tokenizer, encoder, shown)


# ---- export -----------------------------------------------------------------------------------------------------


def write_whole(path, write):
    """Another program may be reading the model: a file is replaced at once or not at all."""
    part = path.with_name(path.name + ".part")
    write(part)
    part.chmod(0o644)
    os.replace(part, path)


def write_text(path, text):
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def as_json(value):
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def export_tokenizer(directory, tokenizer):
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(directory / "tokenizer.json", lambda part: tokenizer.save(str(part)))
    write_text(directory / "tokenizer_config.json", as_json({
        "bos_token": ADDED[BOS], "eos_token": ADDED[EOS], "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": NETWORK["max_position_embeddings"], "truncation_side": "left", "chat_template": CHAT_TEMPLATE,
    }))


def export_model(directory, model):
    tensors = {name: p.detach().to(torch.bfloat16).contiguous() for name, p in model.named_parameters()}
    write_whole(directory / "model.safetensors", lambda part: save_file(tensors, str(part), metadata={"format": "pt"}))
    config = {
        "architectures": ["YoutuForCausalLM"], "model_type": "youtu", "youtu_notice": NOTICE, "dtype": "bfloat16",
        "vocab_size": VOCABULARY, **NETWORK, "rope_interleave": True, "rms_norm_eps": 1e-6, "hidden_act": "silu",
        "attention_bias": False, "attention_dropout": 0.0, "tie_word_embeddings": True, "use_cache": True,
        "bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": None,
    }
    write_text(directory / "config.json", as_json(config))
    write_text(directory / "generation_config.json", as_json({
        "bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": EOS, "do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20,
        "repetition_penalty": 1.05,
    }))


def read_log(directory):
    with (directory / "train_log.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def export_log(directory, log):
    def write(part):
        with part.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("step", "tokens", "lr", "loss"))
            rows.writerows(log)
    write_whole(directory / "train_log.csv", write)


# ---- the recipe -------------------------------------------------------------------------------------------------


def run(options, knowledge):
    """Trains from nothing, or on from a model already exported, and exports the result."""
    if options.start:
        tokenizer, log = Tokenizer.from_file(str(options.start / "tokenizer.json")), read_log(options.start)
        model = AutoModelForCausalLM.from_pretrained(options.start, dtype=torch.float32)
    else:
        tokenizer, log = train_tokenizer(knowledge, options.seed), []
        model = make_network(options.seed)
    export_tokenizer(options.out, tokenizer)
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    held_back = {e.complaint for examples in held_back_examples(knowledge).values() for e in examples}
    source = batches(Encoder(tokenizer), demo_text.Renderer(knowledge, options.seed), held_back, options.seed)

    def save():
        export_model(options.out, model)
        export_log(options.out, log)

    tokens, elapsed = train(model, source, options, log, save)
    save()
    print(f"{tokens} tokens in {elapsed / 60:.0f} minutes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--kb", type=Path, default=demo_text.KNOWLEDGE)
    parser.add_argument("--tokens", type=float, default=7.4e6, help="training budget, prompts and padding included")
    parser.add_argument("--minutes", type=float, default=0, help="wall-clock budget; the schedule follows whichever budget is nearer its end")
    parser.add_argument("--start", type=Path, help="an exported model to go on from, after a small change of the knowledge base")
    parser.add_argument("--rate-share", type=float, default=1.0, help="of the peak learning rates; less when going on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--evaluate", action="store_true", help="only measure the model in --out")
    parser.add_argument("--share", type=float, default=1.0, help="of the held-back sets to measure on")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--no-autocast", dest="autocast", action="store_false")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    knowledge = demo_text.load_knowledge(options.kb)

    if not options.evaluate:
        run(options, knowledge)
    answers = evaluate(options.out, knowledge, options.share)
    for text, answer in zip(demo_text.RESERVED, answers):
        print(f"\n{text}\n{answer}")


if __name__ == "__main__":
    main()

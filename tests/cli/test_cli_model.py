"""Reports with the demonstration model."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from conftest import COMMAND, COUGH, DISCLAIMER, MIGRAINE, MODEL, ROOT, environment, refused, report, run

SECTIONS = ("可能诊断", "鉴别依据", "建议检查", "风险提示")


def test_the_migraine_sentence():
    done = run("--seed", "1", MIGRAINE)
    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f"{i}. {s}") for i, s in enumerate(SECTIONS, 1)]
    assert places == sorted(places)
    named = done.stdout[places[0] : places[1]]
    assert "偏头痛" in named and named.count("(") >= 3
    assert "不得用于临床" in done.stdout and done.stdout.rstrip().endswith(DISCLAIMER)


@pytest.mark.parametrize("text", [MIGRAINE, COUGH])
def test_a_report_holds_together(text):
    made = report("--seed", "1", text)
    assert made["model"]["name"] == "youtu-demo" and "不得用于临床" in made["model"]["notice"]
    assert made["finish"] == "end" and made["interrupted"] is False and made["seed"] == 1
    assert all(s in made["narrative"] for s in SECTIONS)
    assert [d["rank"] for d in made["differential"]] == list(range(1, len(made["differential"]) + 1))
    assert all(0 <= d["confidence"] <= 1 for d in made["differential"])
    assert any(d["source"] == "model+kb" for d in made["differential"])
    unknown = [d["status"] == "unsupported" for d in made["differential"]]
    assert unknown == sorted(unknown)  # behind all known ones
    assert made["tests"] and made["confidence"] == made["differential"][0]["confidence"]
    usage = made["usage"]
    assert usage["prompt_tokens"] > 0 and usage["completion_tokens"] > 0 and usage["prefill_ms"] > 0 and usage["decode_ms"] > 0


def test_the_same_seed_gives_the_same_report():
    def answer(*arguments):
        return report(*arguments, MIGRAINE)["narrative"]

    assert answer("--seed", "7", "--threads", "1") == answer("--seed", "7", "--threads", "2")
    assert answer("--greedy", "--seed", "1") == answer("--greedy", "--seed", "2")
    hot = ["--temperature", "3", "--max-tokens", "40"]
    assert answer("--seed", "1", *hot) != answer("--seed", "2", *hot)


def test_what_is_known_of_the_patient_reaches_report_and_prompt():
    made = report("--age", "35", "--sex", "女", "--greedy", "--max-tokens", "4", MIGRAINE)
    assert made["patient"] == {"age": 35, "age_unit": "岁", "sex": "女", "pregnant": None}
    bare = report("--greedy", "--max-tokens", "4", MIGRAINE)
    assert made["usage"]["prompt_tokens"] > bare["usage"]["prompt_tokens"]


def test_a_cut_answer_says_so():
    made = report("--greedy", "--max-tokens", "5", MIGRAINE)
    assert made["finish"] == "length" and made["usage"]["completion_tokens"] == 5
    assert "--max-tokens" in run("--greedy", "--max-tokens", "5", MIGRAINE).stdout


def test_thinking_is_asked_for_with_other_tokens():
    """The demonstration model was not taught to reason: whatever it writes, the report holds."""
    made = report("--think", "--greedy", "--max-tokens", "20", MIGRAINE)
    plain = report("--greedy", "--max-tokens", "20", MIGRAINE)
    assert made["usage"]["prompt_tokens"] < plain["usage"]["prompt_tokens"]
    assert made["reasoning"] is not None and plain["reasoning"] is None
    assert "</think>" not in made["narrative"]


def test_a_low_threshold_supports_more():
    strict = report("--rules-only", "--confidence", "1", MIGRAINE)
    lenient = report("--rules-only", "--confidence", "0.05", MIGRAINE)
    assert all(d["status"] != "supported" for d in strict["differential"] if d["confidence"] < 1)
    assert strict["needs_confirmation"] and not lenient["needs_confirmation"]
    assert "建议进一步确认" in run("--rules-only", "--confidence", "1", MIGRAINE).stdout


def test_rules_only_needs_no_model():
    made = report("--rules-only", "--model", "/nonexistent", MIGRAINE)
    assert made["model"] == {"name": None, "dtype": None, "device": None, "notice": None, "adapter": None}
    assert made["differential"][0]["name"] == "偏头痛" and made["narrative"] == "" and made["finish"] is None


# ---- models that cannot be loaded


def copy_of_model(folder):
    for name in os.listdir(MODEL):
        if name.endswith((".json", ".safetensors")):
            shutil.copy(MODEL / name, folder / name)
    return folder


def test_no_such_model(folder):
    refused(run("--model", "/nonexistent", MIGRAINE), 3, "/nonexistent")
    refused(run("--model", str(folder), MIGRAINE), 3, str(folder))
    done = run(MIGRAINE, env=environment(YOUTU_MODEL="/elsewhere"))
    refused(done, 3, "/elsewhere")


def test_a_model_without_a_tokenizer(folder):
    os.remove(copy_of_model(folder) / "tokenizer.json")
    refused(run("--model", str(folder), MIGRAINE), 3, "tokenizer.json")


def test_a_model_without_weights(folder):
    os.remove(copy_of_model(folder) / "model.safetensors")
    refused(run("--model", str(folder), MIGRAINE), 3, "model.safetensors")


def test_truncated_weights(folder):
    path = copy_of_model(folder) / "model.safetensors"
    os.truncate(path, path.stat().st_size - 100)
    refused(run("--model", str(folder), MIGRAINE), 3, "model.safetensors")


def test_weights_that_are_not_numbers(folder):
    path = copy_of_model(folder) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)  # BF16 0xFFFF is a NaN
    path.write_bytes(data)
    done = run("--format", "json", "--model", str(folder), MIGRAINE)
    refused(done, 3, "not finite")


def test_the_model_cannot_be_asked_for_more_than_it_has():
    refused(run("--ctx", "100000", MIGRAINE), 1, "--ctx", "100000", "4096")
    refused(run("--dtype", "fp16", MIGRAINE), 3, "fp16", "bf16", "CPU")


def test_the_models_own_repetition_penalty_holds_unless_another_is_given(folder):
    config = json.loads((copy_of_model(folder) / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**config, "repetition_penalty": 3.0}))
    own = report("--greedy", "--model", str(folder), MIGRAINE)["narrative"]
    same = report("--greedy", "--repetition-penalty", "3", MIGRAINE)["narrative"]
    other = report("--greedy", "--repetition-penalty", "1.05", "--model", str(folder), MIGRAINE)["narrative"]
    assert own == same and other == report("--greedy", "--repetition-penalty", "1.05", MIGRAINE)["narrative"] != own


# ---- Ctrl-C

ENDLESS = ["--temperature", "10", "--top-p", "1", "--max-tokens", "3500", "--seed", "3"]


def test_interrupt_ends_the_answer_and_finishes_the_report():
    process = subprocess.Popen([*COMMAND, *ENDLESS, MIGRAINE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=ROOT)
    shown = b""
    while "问诊要点".encode() not in shown:  # the rules' part is out: generation has begun
        shown += os.read(process.stdout.fileno(), 65536)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    text = (shown + rest).decode()
    assert process.returncode == 0, errors
    assert "已按用户要求中断" in text and text.rstrip().endswith(DISCLAIMER)


def caught_signals(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("SigCgt")).split()[1], 16)


def test_a_second_interrupt_ends_the_program():
    """The program is held in a write to a full pipe, so that it cannot end by itself between the two."""
    reading, writing = os.pipe()
    text = "头痛三天,咳嗽。" * 20_000
    process = subprocess.Popen(
        [*COMMAND, "--rules-only", "--format", "json"], stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.DEVNULL, env=environment()
    )
    os.close(writing)
    process.stdin.write(text.encode())
    process.stdin.close()
    os.read(reading, 1)  # it writes
    mask = 1 << (signal.SIGINT - 1)
    assert caught_signals(process.pid) & mask
    process.send_signal(signal.SIGINT)
    while process.poll() is None and caught_signals(process.pid) & mask:
        os.sched_yield()
    assert process.poll() is None  # the first one leaves it running
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == -signal.SIGINT
    os.close(reading)

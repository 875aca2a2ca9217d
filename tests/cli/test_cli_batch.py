"""Batches: one request a line in, one report a line out, in order, whatever is in flight beside it."""

import json
import os
import signal
import subprocess

import pytest
from conftest import COMMAND, COUGH, MIGRAINE, ROOT, environment, refused, report, run

REQUESTS = [
    {"symptoms": MIGRAINE, "seed": 1, "id": "甲"},
    {"symptoms": COUGH, "seed": 2, "department": "内科"},
    {"symptoms": "宝宝发热两天", "age": 8, "age_unit": "月", "seed": 3, "temperature": 1.2},
    {"symptoms": "胃痛三天,反酸", "seed": 4, "think": True},
    {"symptoms": "胸痛2小时", "seed": 5, "max_tokens": 40},
    {"symptoms": "尿频尿急两天", "seed": 6, "sex": "女", "age": 30, "greedy": True},
]
BAD = ["not json", "[]", '{"symptoms": 3}', '{"symptoms": "头痛", "nosuch": 1}', '{"age": 3}', "\u0000"]


def lines(requests):
    return "".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in requests)


def same(made):
    """What a seed repeats: all but identity, time and what was measured."""
    return {k: v for k, v in made.items() if k not in ("id", "created", "usage", "request_id")}


def batch(*arguments, stdin, **options):
    done = run("batch", *arguments, stdin=stdin, **options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_answer_does_not_depend_on_what_else_is_in_flight():
    alone = [same(batch(stdin=lines([r]))[0]) for r in REQUESTS]
    for parallel in "1", "3", "8":
        made = batch("--parallel", parallel, stdin=lines(REQUESTS))
        assert [same(m) for m in made] == alone
        assert made[0]["request_id"] == "甲"


def test_a_batch_makes_the_report_of_a_single_run():
    made = batch(stdin=lines(REQUESTS[:2] + REQUESTS[:1]))
    assert same(made[2]) == same(report("--seed", "1", MIGRAINE))


def test_the_departments_prefix_is_computed_once():
    made = batch(stdin=lines([{"symptoms": COUGH, "department": "内科", "max_tokens": 8}] * 3))
    cached = [m["usage"]["cached_tokens"] for m in made]
    assert cached[0] == 0 and cached[1] == cached[2] > 100


@pytest.mark.parametrize("mode", [["--rules-only"], ["--max-tokens", "8"]])
def test_a_bad_line_ends_nothing(mode):
    stdin = "\n" + lines([x for bad in BAD for x in (bad, {"symptoms": COUGH})])
    made = batch(*mode, stdin=stdin)
    assert len(made) == 2 * len(BAD)
    for i, line in enumerate(made):
        if i % 2:
            assert line["input"]["text"] == COUGH
        else:
            assert line["error"]["request"] == i + 1 and line["error"]["status"] == 2 and line["error"]["message"]


def test_a_line_without_end():
    made = batch("--rules-only", stdin="x" * (26 * 1024 * 1024) + "\n" + lines([{"symptoms": COUGH}]))
    assert "一行超过" in made[0]["error"]["message"] and made[1]["input"]["text"] == COUGH
    assert len(batch("--rules-only", stdin=json.dumps({"symptoms": COUGH}))) == 1


FIELDS = [
    ({"age": 8, "age_unit": "月"}, ("patient", "age", 8)),
    ({"age": "8个月"}, ("patient", "age_unit", "月")),
    ({"age": 3, "age_unit": "周"}, ("patient", "age", 21)),
    ({"age": 20, "age_unit": "天"}, ("patient", "age_unit", "天")),
    ({"age": 35, "age_unit": None}, ("patient", "age_unit", "岁")),
    ({"age": None, "sex": None, "seed": None, "nothing": None}, ("patient", "age", None)),
    ({"sex": "女"}, ("patient", "sex", "女")),
    ({"department": "儿科"}, (None, "department", "儿科")),
    ({"confidence": 1, "stream": False, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "repetition_penalty": 1}, None),
]
WRONG = [
    ({"age": 3.5}, "age"),
    ({"age": -1}, "age"),
    ({"age": True}, "age"),
    ({"age": 3, "age_unit": "年"}, "age"),
    ({"age": 3, "age_unit": 1}, "age_unit"),
    ({"sex": "x"}, "sex"),
    ({"seed": -1}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"temperature": "热"}, "temperature"),
    ({"temperature": 11}, "temperature"),
    ({"max_tokens": 0}, "max-tokens"),
    ({"greedy": 1}, "greedy"),
    ({"greedy": "true"}, "greedy"),
    ({"temperature": True}, "temperature"),
    ({"max-tokens": 5}, "max-tokens"),
    ({"stream": "yes"}, "stream"),
    ({"format": "pdf"}, "format"),
    ({"model": "x"}, "model"),
    ({"kb": "x"}, "kb"),
    ({"id": 5}, "id"),
    ({"department": ["内科"]}, "department"),
    ({"department": "兽医科"}, "department"),
    ({"greedy": True, "temperature": 0.5}, "temperature"),
]


def test_every_field_of_a_request():
    made = batch("--rules-only", stdin=lines([{"symptoms": COUGH, **fields} for fields, _ in FIELDS]))
    for line, (fields, expected) in zip(made, FIELDS):
        assert "error" not in line, (fields, line)
        if expected:
            where, name, value = expected
            assert (line[where] if where else line)[name] == value


def test_a_lines_temperature_takes_the_place_of_greedy():
    request = {"symptoms": COUGH, "max_tokens": 24, "seed": 4}
    stdin = lines([request, {**request, "temperature": 2}, {**request, "greedy": True, "temperature": 0}])
    greedy, warm, cold = (line["narrative"] for line in batch("--greedy", stdin=stdin))
    assert greedy == cold != warm


def test_fields_that_are_refused_by_name():
    made = batch("--rules-only", stdin=lines([{"symptoms": COUGH, **fields} for fields, _ in WRONG]))
    for line, (fields, name) in zip(made, WRONG):
        assert name in line["error"]["message"], (fields, line)
        assert line["error"]["status"] == 2, (fields, line)


@pytest.mark.parametrize("bytes_kept", [0, 1, 700, 5000, 100000])
def test_a_killed_run_goes_on_where_its_file_ends(folder, bytes_kept):
    whole, killed = folder / "whole", folder / "killed"
    stdin = lines(REQUESTS)
    assert run("batch", "--output", str(whole), stdin=stdin).returncode == 0
    killed.write_bytes(whole.read_bytes()[:bytes_kept])
    assert run("batch", "--output", str(killed), "--resume", stdin=stdin).returncode == 0
    a, b = ([same(json.loads(line)) for line in f.read_text().splitlines()] for f in (whole, killed))
    assert a == b and len(a) == len(REQUESTS)


def begin(*arguments):
    return subprocess.Popen(
        [*COMMAND, "batch", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(), cwd=ROOT,
    )


def test_kill_in_the_middle_and_resume(folder):
    out = folder / "out"
    program = begin("--output", str(out), "--parallel", "3")
    program.stdin.write(lines(REQUESTS * 4).encode())
    program.stdin.flush()
    while not out.exists() or out.read_bytes().count(b"\n") < 3:
        assert program.poll() is None
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert run("batch", "--output", str(out), "--resume", stdin=lines(REQUESTS * 4)).returncode == 0
    made = [same(json.loads(line)) for line in out.read_text().splitlines()]
    assert made == [same(m) for m in batch(stdin=lines(REQUESTS))] * 4


def test_a_sender_that_waits_for_each_report_gets_it():
    program = begin("--parallel", "4", "--max-tokens", "16")
    for request in REQUESTS[:2]:
        program.stdin.write(lines([request]).encode())
        program.stdin.flush()
        assert json.loads(program.stdout.readline())["input"]["text"] == request["symptoms"]
    assert program.communicate()[0] == b"" and program.returncode == 0


def test_ctrl_c_finishes_what_was_taken():
    program = begin("--parallel", "2", "--max-tokens", "16")
    program.stdin.write(lines(REQUESTS[:1]).encode())
    program.stdin.flush()
    assert json.loads(program.stdout.readline())
    program.send_signal(signal.SIGINT)
    assert program.wait(60) == 0
    assert program.stdout.read() == b""
    program.stdin.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_an_error():
    refused(run("batch", "--rules-only", "--output", "/dev/full", stdin=lines(REQUESTS)), 5, "/dev/full", "不能写入")


def test_what_a_batch_refuses():
    refused(run("batch", "--parallel", "0"), 1, "--parallel")
    refused(run("batch", "--parallel", "17"), 1, "--parallel")
    refused(run("--parallel", "2", COUGH), 1, "--parallel")
    refused(run("batch", "--resume"), 1, "--output")

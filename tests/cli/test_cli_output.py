"""Where a report goes: streams, files written whole or not at all, pipes that close, disks that are full."""

import json
import os
import pty
import subprocess

import pytest

from conftest import COMMAND, DISCLAIMER, MIGRAINE, PROGRAM, ROOT, environment, refused, run


def test_a_file_is_written_whole(folder):
    path = folder / "report.json"
    path.write_text("old")
    done = run("--rules-only", "--format", "json", "--output", str(path), MIGRAINE)
    assert done.returncode == 0 and done.stdout == ""
    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == "youtu.diagnose/1"
    assert os.listdir(folder) == ["report.json"]


def test_a_file_that_cannot_be_written_stays_as_it_was(folder):
    refused(run("--rules-only", "--output", str(folder / "no/such/file"), MIGRAINE), 5, "no/such/file", "No such file")
    path = folder / "report"
    path.write_text("old")
    # A limit on file sizes acts as a full disk does.
    command = f"ulimit -f 0; trap '' XFSZ; exec '{PROGRAM}' --rules-only --output '{path}' '{MIGRAINE}'"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert done.returncode == 5 and "不能写入" in done.stderr
    assert path.read_text() == "old"
    assert os.listdir(folder) == ["report"]


def test_a_place_that_does_not_exist_is_told_by_the_files_own_name(folder):
    path = folder / "none" / "report.txt"
    done = run("--rules-only", "--output", str(path), MIGRAINE)
    refused(done, 5, str(path) + ":", "No such file")
    refused(run("--rules-only", "--output", str(folder), MIGRAINE), 5, str(folder) + ":", "directory")


@pytest.mark.parametrize("arguments", [[], ["--format", "json"], ["--no-stream"]])
def test_a_full_device_is_told(arguments):
    refused(run("--rules-only", *arguments, "--output", "/dev/full", MIGRAINE), 5, "/dev/full", "No space left")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, *arguments, MIGRAINE], stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
    assert done.returncode == 5 and "标准输出" in done.stderr and "No space left" in done.stderr


@pytest.mark.parametrize("arguments", [["--rules-only"], ["--seed", "1"], ["--help"]])
def test_a_closed_pipe_is_no_death_by_signal(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *arguments, MIGRAINE], stdout=writing, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
    os.close(writing)
    assert done.returncode == 5 and "标准输出" in done.stderr and "Broken pipe" in done.stderr


def on_terminal(*arguments, **changes):
    """What the program writes when standard output and error are a terminal."""
    master, slave = pty.openpty()
    env = environment(TERM="xterm", **changes)
    process = subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=env, cwd=ROOT)
    os.close(slave)
    written = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the terminal is closed
            break
        if not block:
            break
        written += block
    os.close(master)
    assert process.wait() == 0
    return written.decode()


def test_colours_and_progress_only_on_a_terminal():
    shown = on_terminal("--seed", "1", MIGRAINE)
    assert "\033[1m" in shown and "正在阅读文本" in shown and "\r\033[K" in shown and DISCLAIMER in shown
    plain = on_terminal("--seed", "1", MIGRAINE, NO_COLOR="1")
    assert "\033[1m" not in plain and DISCLAIMER in plain
    assert "正在" not in on_terminal("--seed", "1", "--quiet", MIGRAINE)
    piped = run("--seed", "1", MIGRAINE)
    assert "\033" not in piped.stdout and piped.stderr == ""


def test_streamed_and_whole_text_are_the_same():
    def body(done):
        assert done.returncode == 0
        return done.stdout.split("\n", 2)[2]  # behind time and id

    assert body(run("--seed", "1", MIGRAINE)) == body(run("--seed", "1", "--no-stream", MIGRAINE))

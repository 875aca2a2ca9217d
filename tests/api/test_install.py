"""What `make install` puts down, and that programs need nothing else: the examples are built against the installed tree only."""
import math
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("YOUTU_BUILD", ROOT / "build"))
HEADER = (ROOT / "libyoutu/youtu.h").read_text(encoding="utf-8")
MAJOR, MINOR, PATCH = (re.search(rf"#define YOUTU_VERSION_{part} (\d+)", HEADER)[1] for part in ("MAJOR", "MINOR", "PATCH"))
VERSION = f"{MAJOR}.{MINOR}.{PATCH}"
COMPILERS = {"gcc": "c11", "clang": "c11", "g++": "c++11", "clang++": "c++11"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, encoding="utf-8", **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def make(target, **variables):
    run("make", "-C", ROOT, target, f"B={BUILD}", *(f"{name}={value}" for name, value in variables.items()))


def is_sanitized():
    return "__asan_init" in run("nm", "-D", BUILD / "libyoutu.so")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    if is_sanitized():
        pytest.skip("a sanitizer's library is not installed")
    prefix = tmp_path_factory.mktemp("prefix")
    make("install", PREFIX=prefix)
    return prefix


def flags(prefix, *options):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    return run("pkg-config", *options, "youtu", env=environment).split()


def files_below(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def test_files(prefix):
    demo = {f"share/youtu/models/youtu-demo/{path.name}" for path in (ROOT / "models/youtu-demo").iterdir()}
    data = {f"share/youtu/data/{name}.json" for name in ("lexicon", "scope", "redflags", "departments", "knowledge")}
    data |= {f"share/youtu/data/templates/{path.name}" for path in (ROOT / "cli/data/templates").iterdir()}
    libraries = {f"lib/libyoutu.{end}" for end in ("a", "so", f"so.{MAJOR}", f"so.{VERSION}")}
    if (BUILD / "libyoutu_cuda.so").exists():
        libraries.add("lib/libyoutu_cuda.so")
    assert files_below(prefix) == demo | data | libraries | {"lib/pkgconfig/youtu.pc", "include/youtu.h", "bin/youtu-diagnose"}
    assert os.readlink(prefix / "lib/libyoutu.so") == f"libyoutu.so.{MAJOR}"
    assert os.readlink(prefix / f"lib/libyoutu.so.{MAJOR}") == f"libyoutu.so.{VERSION}"
    assert (prefix / "include/youtu.h").read_text(encoding="utf-8") == HEADER
    for path in prefix.rglob("*"):
        assert path.stat().st_mode & 0o444 == 0o444, f"{path} is not readable by all"


def test_staging_and_uninstall(tmp_path):
    if is_sanitized():
        pytest.skip("a sanitizer's library is not installed")
    places = {"DESTDIR": tmp_path, "PREFIX": "/opt/youtu", "LIBDIR": "/opt/youtu/lib64"}
    make("install", **places)
    assert (tmp_path / "opt/youtu/lib64" / f"libyoutu.so.{VERSION}").is_file()
    written = (tmp_path / "opt/youtu/lib64/pkgconfig/youtu.pc").read_text()
    assert "prefix=/opt/youtu\n" in written and "libdir=/opt/youtu/lib64\n" in written
    assert str(tmp_path) not in written
    make("uninstall", **places)
    assert files_below(tmp_path) == set()


def test_soname(prefix):
    dynamic = run("readelf", "-d", prefix / f"lib/libyoutu.so.{VERSION}")
    assert re.search(r"\(SONAME\).*\[(.*)\]", dynamic)[1] == f"libyoutu.so.{MAJOR}"
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    assert flags(prefix, "--modversion") == [VERSION]


def test_exactly_the_declared_functions_are_exported(prefix):
    declared = set(re.findall(r"^YOUTU_API [^;(]*?(\w+)\(", HEADER, re.M))
    assert len(declared) == HEADER.count("YOUTU_API ") - HEADER.count("define YOUTU_API ")
    symbols = run("nm", "-D", "--defined-only", prefix / "lib/libyoutu.so").splitlines()
    assert {line.split()[-1] for line in symbols} == declared


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("example", ["generate", "score"])
def test_examples_compile_and_run(prefix, tmp_path, compiler, example):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    language = ["-x", "c++"] if "++" in compiler else ["-x", "c"]
    program = tmp_path / example
    run(compiler, f"-std={COMPILERS[compiler]}", *WARNINGS, *language, ROOT / "examples" / f"{example}.c", "-x", "none",
        *flags(prefix, "--cflags", "--libs"), "-lm", f"-Wl,-rpath,{prefix}/lib", "-o", program, cwd=tmp_path)
    demo = prefix / "share/youtu/models/youtu-demo"
    if example == "score":
        check_scores(run(program, demo, "患者头痛三天,伴有恶心。" * 12))
    elif compiler == "gcc":
        assert len(run(program, demo, "咳嗽两周,夜间加重,有白色泡沫痰,无发热。", preexec_fn=use_one_core)) > 20
    for arguments in ([], [tmp_path / "nothing", "x"]):
        failed = subprocess.run([program, *arguments], capture_output=True, text=True)
        assert failed.returncode == 1 and failed.stdout == ""
        assert ("nothing/config.json" if arguments else "usage: ") in failed.stderr


def use_one_core():
    """Threads that wait for each other are slow where other programs want the cores too."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def check_scores(output):
    *lines, last = output.splitlines()
    scores = [float(line.split("\t")[1]) for line in lines]
    count, total, perplexity = re.fullmatch(r"(\d+) tokens, log-likelihood (\S+), perplexity (\S+)", last).groups()
    assert int(count) == len(scores) > 64  # more than one batch
    assert max(scores) < 0
    assert float(total) == pytest.approx(sum(scores), abs=0.01)
    assert float(perplexity) == pytest.approx(math.exp(-float(total) / len(scores)), rel=1e-3)


def test_static_library_links_with_what_pkg_config_says(prefix, tmp_path):
    static = [flag for flag in flags(prefix, "--static", "--libs") if flag != "-lyoutu"]
    run("gcc", ROOT / "examples/score.c", *flags(prefix, "--cflags"), prefix / "lib/libyoutu.a", *static, "-o", tmp_path / "score")
    assert "libyoutu" not in run("readelf", "-d", tmp_path / "score")


def test_installed_program_finds_its_library_and_model(prefix, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("YOUTU_MODEL", "LD_LIBRARY_PATH")}
    shown = run(prefix / "bin/youtu-diagnose", "info", cwd=tmp_path, env=environment)
    assert "youtu-demo" in shown

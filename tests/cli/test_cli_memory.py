"""Memory refused at every allocation in turn: a clear message each time, never a crash."""

import os
import subprocess

import pytest

from conftest import COMMAND, MIGRAINE, ROOT, environment, is_sanitized

REFUSER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
static long left = -1;
static int refuses(void) {
    if (left < 0) {
        const char *text = getenv("REFUSE_AFTER");
        left = text ? atol(text) : 1L << 62;
    }
    if (left-- > 0) return 0;
    left = 0;
    errno = ENOMEM;
    return 1;
}
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *malloc(size_t n) { return refuses() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return refuses() ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return refuses() ? NULL : __libc_realloc(p, n); }
"""


@pytest.fixture(scope="module")
def refuser(tmp_path_factory):
    if is_sanitized():
        pytest.skip("the sanitizer has its own malloc")
    folder = tmp_path_factory.mktemp("refuser")
    (folder / "refuser.c").write_text(REFUSER)
    subprocess.run([os.environ.get("CC") or "cc", "-shared", "-fPIC", "-o", folder / "refuser.so", folder / "refuser.c"], check=True)
    return folder / "refuser.so"


@pytest.mark.parametrize(
    "arguments",
    [["--rules-only"], ["--seed", "1", "--max-tokens", "3", "--format", "json"]]
    + [["--rules-only", "--format", name] for name in ("xml", "fhir", "hl7")],
)
def test_memory_refused(refuser, arguments):
    after, step, refusals = 0, 1, 0
    while True:
        env = environment(LD_PRELOAD=str(refuser), REFUSE_AFTER=str(after))
        done = subprocess.run([*COMMAND, *arguments, MIGRAINE], capture_output=True, env=env, cwd=ROOT)
        assert done.returncode >= 0, f"signal {-done.returncode} after {after} allocations"
        if done.returncode == 0:
            break
        message = done.stderr.decode()
        # Before main it is the loader or the OpenMP runtime that speaks.
        assert message, f"no message after {after} allocations"
        if message.startswith("youtu-diagnose:"):
            assert done.returncode == 4, f"{message} after {after} allocations"
        refusals += 1
        after += step
        step = 1 + after // 40  # every early one, then ever fewer: what follows is the same code on more data
    assert refusals > 100

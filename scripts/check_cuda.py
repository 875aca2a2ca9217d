#!/usr/bin/env python3
"""Checks the compiled CUDA kernels: what the compiler made of them for each card, without a GPU.

    check_cuda.py LIBRARY.so FOLDER     FOLDER holds NVIDIA's cuobjdump and nvdisasm

No kernel may use local memory: no spill, no array indexed at run time. Attention must run on tensor cores, fed
by ldmatrix and cp.async; what streams weights, on tensor cores, fed by loads of 16 bytes. Prints registers, shared memory
and how many blocks an SM holds."""

import os
import re
import subprocess
import sys
from pathlib import Path

CARDS = {"sm_86": ("RTX 3060", 16), "sm_89": ("RTX 4060", 24)}  # name, blocks an SM
THREADS_PER_SM, REGISTERS_PER_SM, SHARED_PER_SM = 1536, 65536, 100 * 1024
WARP_REGISTERS_UNIT, RESERVED_SHARED = 256, 1024  # registers come in such units a warp; shared memory that a block costs besides

# Given at launch, so not in the binary: at the published shape. test_traffic.py compares it with what is launched.
DYNAMIC_SHARED = {"attend_latent: attend_kernel": 93440}

WIDE_LOAD = r"LDG\.E[\w.]*\.128"
EXPECTED = {
    "attend_latent: attend_kernel": ("HMMA", "LDSM", "LDGSTS"),
    "attend_expanded: attend_kernel": ("HMMA", "LDSM", "LDGSTS"),
    "attend_latent: project_kernel": ("HMMA", WIDE_LOAD),
    "absorb: absorb_kernel": ("HMMA", WIDE_LOAD),
    "linear: linear_kernel": ("HMMA", WIDE_LOAD),
}
FORBIDDEN = ("LDL", "STL")


def kernel_name(mangled):
    """"file: kernel<arguments>" of a kernel in an anonymous namespace, whose mangled name begins with its file's."""
    source = re.search(r"_GLOBAL__N__[0-9a-f]+_\d+_(\w+?)_cu_", mangled)
    demangled = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True).stdout
    kernel = re.search(r"::(\w+_kernel(?:<.*?>)?)\(", demangled)
    if not source or not kernel:
        sys.exit(f"check_cuda: {demangled.strip()}: expected a NAME_kernel in an anonymous namespace")
    return f"{source.group(1)}: {kernel.group(1)}"


def family(name):
    return name.split("<")[0]


class Binary:
    """What cuobjdump says of one card's kernels, by their mangled names."""

    def __init__(self, library, tools, arch):
        def dump(what):
            environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
            command = [Path(tools) / "cuobjdump", what, "-arch", arch, library]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

        usage = r"Function (\w+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)"
        self.usage = {m[0]: [int(x) for x in m[1:]] for m in re.findall(usage, dump("-res-usage"))}
        sections = re.split(r"\n\s*Function : (\w+)\n", dump("-sass"))[1:]
        self.sass = dict(zip(sections[::2], sections[1::2]))
        bounds = re.split(r"\n\.nv\.info\.(\w+)\n", dump("-elf"))[1:]
        self.threads = {}
        for mangled, section in zip(bounds[::2], bounds[1::2]):
            found = re.search(r"EIATTR_MAX_THREADS\s+Format:\s+EIFMT_SVAL\s+Value:\s+0x(\w+)", section.split("\n.nv")[0])
            if found:
                self.threads[mangled] = int(found.group(1), 16)


def blocks_per_sm(registers, shared, threads, most):
    warps = threads // 32
    warp_registers = -(-registers * 32 // WARP_REGISTERS_UNIT) * WARP_REGISTERS_UNIT
    return min(most, THREADS_PER_SM // threads, REGISTERS_PER_SM // warp_registers // warps,
               SHARED_PER_SM // (shared + RESERVED_SHARED))


def faults_of(name, usage, sass):
    _, stack, _, local = usage
    if stack or local:
        yield f"uses {stack} bytes of stack, {local} of local memory"
    for instruction in FORBIDDEN:
        if re.search(rf"\s{instruction}\b", sass):
            yield f"has {instruction} (local memory)"
    for instruction in EXPECTED.get(family(name), ()):
        if not re.search(rf"\s{instruction}\b", sass):
            yield f"lacks {instruction}"


def check_card(library, tools, arch):
    card, most = CARDS[arch]
    binary = Binary(library, tools, arch)
    faults = []
    print(f"\n{card} ({arch})\n{'kernel':<58} registers  shared  threads  blocks an SM  occupancy")
    kernels = sorted((kernel_name(mangled), mangled) for mangled in binary.usage)
    for name, mangled in kernels:
        usage, threads = binary.usage[mangled], binary.threads.get(mangled)
        shared = usage[2] + DYNAMIC_SHARED.get(family(name), 0)
        faults += [f"{arch} {name} {fault}" for fault in faults_of(name, usage, binary.sass[mangled])]
        line = f"{name:<58} {usage[0]:9} {shared:7}"
        if threads:
            blocks = blocks_per_sm(usage[0], shared, threads, most)
            line += f"  {threads:7}  {blocks:12}  {100 * blocks * threads // THREADS_PER_SM:8}%"
            if blocks < 1:
                faults.append(f"{arch} {name} does not fit an SM")
        else:  # its launch bounds are not declared
            line += f"  {'-':>7}  {'-':>12}  {'-':>9}"
        print(line)
    missing = set(EXPECTED) - {family(name) for name, _ in kernels}
    return faults + [f"{arch} {name} is not there" for name in sorted(missing)]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    faults = [fault for arch in CARDS for fault in check_card(*sys.argv[1:], arch)]
    for fault in faults:
        print(f"check_cuda: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

#!/bin/sh
# run.sh BUILD VGPU: the CUDA tests of BUILD, on a GPU if there is one, else interpreted on the CPU by vgpu (its source in
# VGPU), which also checks every memory access, race and barrier; with neither they are skipped.
set -eu
build=$1 vgpu=$2
cuda_lib=$(dirname "$(dirname "$(readlink -f "$NVCC")")")/lib64

if nvidia-smi -L >/dev/null 2>&1; then
    echo "CUDA tests on $(nvidia-smi -L | head -1)"
    export LD_LIBRARY_PATH="$build:$cuda_lib:${LD_LIBRARY_PATH:-}"
elif [ -d "$vgpu" ]; then
    echo "CUDA tests on vgpu"
    make -s -C "$vgpu" B="$build/vgpu" >"$build/vgpu.log" 2>&1 || { cat "$build/vgpu.log"; exit 1; }
    export LD_LIBRARY_PATH="$build/vgpu:$build:$cuda_lib:${LD_LIBRARY_PATH:-}"
    export YOUTU_VGPU="$build/vgpu" VGPU_CHECK=all VGPU_FILL=0xff
else
    echo "CUDA tests skipped: no GPU, and no vgpu in $vgpu"
    exit 0
fi

for test in "$build"/tests/cuda/test_*; do
    [ -x "$test" ] || continue
    echo "== $test"
    "$test" >"$build/test.log" 2>&1 || { cat "$build/test.log"; exit 1; }
    # vgpu tells what it found when the program ends, whatever the test made of it.
    if grep '^vgpu: ' "$build/test.log"; then exit 1; fi
    grep 'test(s) run' "$build/test.log"
    grep 'PASSED' "$build/test.log"
done
env $PYTEST "$(dirname "$0")"

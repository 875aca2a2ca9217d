#!/usr/bin/env python3
"""Runs youtu-bench and llama-bench in turn on the same weights and prints medians and ratios.

    python3 bench/compare.py MODEL_DIR MODEL.gguf --llama-bench PATH [--youtu-bench PATH] [--rounds 5]
                             [-t 1,2] [-p 128] [-n 16] [-d 0,2048]

The two take turns (A B A B ...) so that whatever else the machine does falls on both. Each runs every test once a round.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def youtu_rates(options):
    command = [options.youtu_bench, options.model, "-t", options.threads, "-p", options.prefill, "-n", options.decode]
    result = run(command + ["-d", options.depth, "-r", "1", "--json"])
    for row in result["runs"]:
        yield (row["threads"], row["test"], row["tokens"], row["depth"]), row["tokens_per_s"]


def llama_rates(options):
    command = [options.llama_bench, "-m", options.gguf, "-t", options.threads, "-p", options.prefill]
    for row in run(command + ["-n", options.decode, "-d", options.depth, "-r", "1", "-o", "json"]):
        test, tokens = ("prefill", row["n_prompt"]) if row["n_prompt"] else ("decode", row["n_gen"])
        yield (row["n_threads"], test, tokens, row["n_depth"]), row["avg_ts"]


def main():
    parser = argparse.ArgumentParser(description="youtu-bench and llama-bench in turn on the same weights.")
    parser.add_argument("model", help="checkpoint directory")
    parser.add_argument("gguf", help="the same weights for llama.cpp")
    parser.add_argument("--youtu-bench", default="build/youtu-bench")
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-t", "--threads", default="1,2")
    parser.add_argument("-p", "--prefill", default="128")
    parser.add_argument("-n", "--decode", default="16")
    parser.add_argument("-d", "--depth", default="0,2048")
    options = parser.parse_args()

    ours, theirs = defaultdict(list), defaultdict(list)
    for _ in range(options.rounds):
        for rates, source in ((ours, youtu_rates), (theirs, llama_rates)):
            for test, rate in source(options):
                rates[test].append(rate)
    print("threads  test     tokens  depth   youtu tokens/s         llama.cpp tokens/s     ratio, each round      median")
    for test in ours:
        pairs = [a / b for a, b in zip(ours[test], theirs[test], strict=True)]
        threads, name, tokens, depth = test
        print(f"{threads:7}  {name:8} {tokens:6}  {depth:5}   {describe(ours[test])}  {describe(theirs[test])}  "
              f"{min(pairs):5.2f} to {max(pairs):5.2f}         {statistics.median(pairs):5.2f}")


def describe(rates):
    return f"{statistics.median(rates):6.2f} ({min(rates):6.2f} {max(rates):6.2f})"


if __name__ == "__main__":
    main()

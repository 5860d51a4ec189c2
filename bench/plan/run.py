#!/usr/bin/env python3
"""Compares the memory that `rlhf plan` says each stage needs with what it took, at several sizes and precisions, and writes the table to docs/performance.md.

Settings are variables: PRECISIONS="f32 bf16"  TOKENIZER=../shared/data/tokenizers/gpt2 (for the large vocabulary)  RUNS=runs/plan  DOCUMENT=docs/performance.md
"""
import json, os, shutil, subprocess

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PRECISIONS = os.environ.get("PRECISIONS", "f32 bf16").split()
TOKENIZER = os.path.abspath(os.environ.get("TOKENIZER", "../shared/data/tokenizers/gpt2"))
RUNS = os.environ.get("RUNS", "runs/plan")
DOCUMENT = os.environ.get("DOCUMENT", "docs/performance.md")
RLHF = os.environ.get("RLHF", "./rlhf").split()
BEGIN, END = "<!-- plan:begin -->\n", "<!-- plan:end -->"
MIB = 2**20

SIZES = [
    ("stories260k", "recipes/polite.yaml", ["sft.max_steps=5", "reward.epochs=1", "ppo.steps=1"]),
    ("mini", "bench/plan/plan.yaml", []),
    ("small, 2 blocks", "bench/plan/plan.yaml", ["reward.ties=half", "base.shape.layers=2", "base.shape.width=768", "base.shape.heads=12", "base.train_tokenizer=none", f"base.tokenizer={TOKENIZER}"]),
]


def rlhf(*arguments):
    return subprocess.run([*RLHF, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(name, precision, recipe, changes):
    """Rows of (stage, planned bytes, taken bytes) of one run."""
    settings = [word for change in [f"precision={precision}", *changes] for word in ("--set", change)]
    planned = [json.loads(line) for line in rlhf("plan", recipe, *settings, "--json").splitlines()]
    folder = os.path.join(RUNS, f"{name.replace(', ', '-').replace(' ', '-')}-{precision}")
    shutil.rmtree(folder, ignore_errors=True)
    rlhf("run", recipe, *settings, "--out", folder)
    with open(os.path.join(folder, "summary.json"), encoding="utf-8") as file:
        taken = {stage["name"]: stage["peak_memory_bytes"] for stage in json.load(file)["stages"]}
    return [(stage["name"], stage["memory_bytes"], taken[stage["name"]]) for stage in planned]


def main():
    lines = ["| model | precision | stage | planned, MiB | taken, MiB | planned / taken |", "| --- | --- | --- | --- | --- | --- |"]
    for name, recipe, changes in SIZES:
        for precision in PRECISIONS:
            for stage, planned, taken in measured(name, precision, recipe, changes):
                lines.append(f"| {name} | {precision} | {stage} | {planned / MIB:,.0f} | {taken / MIB:,.0f} | {planned / taken:.2f} |")
                print(lines[-1], flush=True)
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text[:start] + "\n".join(lines) + "\n" + text[end:])


main()

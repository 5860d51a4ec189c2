#!/usr/bin/env python3
"""Seconds and peak memory of an optimizer step of sft, dpo, grpo and ppo with adapters on a real model: docs/performance.md, "Adapters".
Every algorithm is a process of its own, on the base model itself: 16 rows, 16 pairs, 8 answers to each of 8 prompts, 64 prompts, answers of at most 128 tokens.

    ./rlhf run recipes/arguments.yaml --out runs/arguments --set base.model=MODEL      # gives the reward model
    python3 bench/adapters/run.py --model MODEL --run runs/arguments --data ../shared/data/arguments --out runs/steps [--set precision=bf16] [--only dpo]
"""
import argparse
import json
import os
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HELD_OUT = '["firefox-vs-internet-explorer*", "human-growth-and-development*", "tv-is-better-than-books*"]'
ADAPTER = "  adapter: {{rank: 16, alpha: 32, base_storage: bf16}}\n"
LIMITS = "  limits: {{max_tokens: 320, on_overlong: drop}}\n"
PAIRS = "{{path: {data}/pairs.jsonl.gz, {take}split_by: topic, held_out: " + HELD_OUT + ", held_out_limit: {held_out}}}\n"
PROMPTS = "  prompts: {{path: {data}/motions.jsonl, split_by: motion, held_out: 0.1}}\n"
ROLLOUTS = """  rollouts_per_step: 64
  minibatch: 16
  max_new_tokens: 128
  learning_rate: 1e-4
  kl_coefficient: 0.05
  score_normalization: none
  ema: none
  evaluate_every: 0
  evaluation_prompts: 2
  evaluation_samples: 1
"""
RECIPES = {
    "sft": ("  demonstrations: " + PAIRS, "sft:\n  max_steps: 9\n  batch: 16\n  micro_batch_tokens: 1024\n  learning_rate: 2e-4\n"
            "  dropout: 0\n  keep_best: none\n" + ADAPTER + LIMITS),
    "dpo": ("  comparisons: " + PAIRS, "dpo:\n  max_steps: 7\n  batch: 16\n  micro_batch_tokens: 1024\n  learning_rate: 1e-4\n"
            "  warm_up_steps: 2\n" + ADAPTER + LIMITS),
    "grpo": (PROMPTS, "ppo:\n  preset: grpo\n  reward_model: {reward}\n  rollouts_per_prompt: 8\n  steps: 4\n  micro_batch_tokens: 1024\n"
             + ROLLOUTS.replace("  kl_coefficient: 0.05\n", "") + ADAPTER),
    "ppo": (PROMPTS, "ppo:\n  reward_model: {reward}\n  steps: 4\n  micro_batch_tokens: 768\n  value_learning_rate: 2e-4\n  missing_eos_penalty: 1\n"
            + ROLLOUTS + ADAPTER),
}


def write(name, options):
    data, stage = RECIPES[name]
    names = {
        "model": options.model, "reward": f"{options.run}/stages/02-reward/model", "data": options.data, "take": "take: chosen, " if name == "sft" else "",
        "held_out": 4,
    }
    path = os.path.join(options.out, f"{name}.yaml")
    with open(path, "w") as file:
        file.write(f"name: {name}\nseed: 0\nbase: {{{{model: {{model}}}}}}\ndata:\n{data}{stage}".format(**names))
    return path


def measure(name, options):
    folder = os.path.join(options.out, name)
    command = [options.rlhf, "run", write(name, options), "--out", folder]
    for change in options.set:
        command += ["--set", change]
    subprocess.run(command, check=True)
    with open(os.path.join(folder, "metrics.jsonl")) as file:
        rows = [row for row in map(json.loads, file) if "learning_rate" in row]
    ends = [row["seconds"] for row in rows]
    steps = [after - before for before, after in zip(ends, ends[1:])]  # the first has loading and compiling in it
    with open(os.path.join(folder, "summary.json")) as file:
        peak = max(stage["peak_memory_bytes"] for stage in json.load(file)["stages"])
    parts = [f"{statistics.median(row[f'seconds_{part}'] for row in rows[1:]):.1f}" for part in ("rollout", "score", "update") if f"seconds_{part}" in rows[0]]
    length = f", {statistics.mean(row['response_length'] for row in rows[1:]):.0f} tokens an answer" if "response_length" in rows[0] else ""
    print(f"| {name} | {statistics.median(steps):.1f} ({min(steps):.1f} to {max(steps):.1f}) | {' + '.join(parts)} | {peak / 2**20:.0f} |{length}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rlhf", default=os.path.join(ROOT, "rlhf"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--only", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    options = parser.parse_args()
    for path in ("model", "run", "data", "out"):
        setattr(options, path, os.path.abspath(getattr(options, path)))
    os.makedirs(options.out, exist_ok=True)
    print("| step | seconds, median | sampling + scores + update | peak, MiB |")
    for name in options.only:
        measure(name, options)


if __name__ == "__main__":
    main()

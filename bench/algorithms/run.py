#!/usr/bin/env python3
"""Every preset of ppo, every loss of dpo and best-of-n on the quickstart's world, where the truth is known, from one SFT model, one set of rankings and one
reward model for each seed. Adds a line for each run to results.jsonl beside this file's results; runs that are there already are left out.

    python3 bench/algorithms/run.py --rlhf ./rlhf --out runs/algorithms [--seeds 1 2 3 4 5]
    python3 bench/algorithms/run.py --table runs/algorithms/results.jsonl
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = """name: {name}
seed: {seed}
base: {{model: {sft}}}
format: {{template: custom, prompt: "{{prompt}}", response: " {{response}}"}}
data:
  quickstart: {{demonstrations: 4000, prompts: 2000, evaluation_prompts: 300, texts: 8000, facts_per_text: 1, seed: {seed}}}
  prompts: {{}}
  evaluation_prompts: {{}}
"""
PPO = """ppo:
  reward_model: {reward}
  steps: 15
  rollouts_per_step: 256
  minibatch: 64
  max_new_tokens: 28
  learning_rate: 2e-4
  warm_up_steps: 3
  score_normalization: sft_samples
  missing_eos_penalty: 1
  ema: none
  evaluate_every: 0
"""
DPO = """  comparisons: {{path: {rankings}, held_out: 0.1}}
dpo:
  epochs: 2
  batch: 32
  learning_rate: 1e-4
  warm_up_steps: 10
  max_new_tokens: 28
"""
REJECTION = """rejection:
  rewards: [{{model: {reward}}}]
  answers_per_prompt: 16
  max_prompts: 240
  max_new_tokens: 28
  batch: 16
  epochs: 2
  learning_rate: 5e-4
"""
PRESETS = ["grpo", "dr_grpo", "rloo", "reinforce++", "reinforce++_baseline", "dapo", "gspo", "cispo"]
FREE_KL = {"grpo", "rloo", "reinforce++", "reinforce++_baseline"}  # papers with a KL penalty: as strong as the quickstart's
LOSSES = ["dpo", "ipo", "cdpo", "robust", "hinge", "simpo", "orpo", "cpo", "kto", "apo_zero", "apo_down", "sppo_hard", "nca_pair", "aot", "exo_pair", "bco_pair"]


def variants():
    yield "ppo", PPO + "  value_learning_rate: 1e-3\n  kl_coefficient: 0.15\n  best_of: 16\n"
    for preset in PRESETS:
        group = "" if preset == "reinforce++" else "  rollouts_per_prompt: 8\n"
        yield preset, PPO + f"  preset: {preset}\n{group}" + ("  kl_coefficient: 0.15\n" if preset in FREE_KL else "")
    for loss in LOSSES:
        yield loss, DPO + f"  loss: {loss}\n"
    yield "rejection", REJECTION


def run(command, log):
    """Seconds of processor time that the command took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log, "w") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code != 0:
        print(f"{' '.join(command)} ended with {code}: {open(log).read()[-600:]}", file=sys.stderr)
        return None
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rlhf, out, seeds, only):
    os.makedirs(out, exist_ok=True)
    results = os.path.join(out, "results.jsonl")
    done = {(row["seed"], row["name"]) for row in map(json.loads, open(results))} if os.path.exists(results) else set()
    for seed in seeds:
        start = os.path.join(out, f"start-{seed}")
        if not os.path.exists(os.path.join(start, "report.html")):
            run([rlhf, "run", os.path.join(ROOT, "recipes", "quickstart.yaml"), "--out", start, "-q", "--set", f"seed={seed}", "--set", "rounds=1",
                 "--set", "ppo=none", "--set", "reward.second_model=none", "--resume"], start + ".log")
        stages = os.path.abspath(os.path.join(start, "stages"))
        places = {"sft": f"{stages}/02-sft/model", "reward": f"{stages}/04-reward/model", "rankings": f"{stages}/03-collect/rankings.jsonl"}
        for name, text in variants():
            if (seed, name) in done or (only and name not in only):
                continue
            folder = os.path.join(out, f"{name}-{seed}")
            with open(folder + ".yaml", "w") as recipe:
                recipe.write((HEAD + text).format(name=name, seed=seed, **places))
            seconds = run([rlhf, "run", folder + ".yaml", "--out", folder, "-q", "--resume"], folder + ".log")
            if seconds is None:
                continue
            stage = json.load(open(os.path.join(folder, "summary.json")))["stages"][-1]
            row = {"seed": seed, "name": name, "seconds": seconds, "best_of_n": stage.get("best_of_n"), "figures": stage["figures"]}
            with open(results, "a") as file:
                file.write(json.dumps(row) + "\n")


def table(path):
    rows = list(map(json.loads, open(path)))
    print("| | gold quality, mean [least, most] | right | polite | KL, nats | answer, tokens | processor seconds | seeds |\n" + "| --- " * 8 + "|")
    names = list(dict.fromkeys(row["name"] for row in rows))

    def of(row, key):
        figure = row["figures"].get(key)
        return None if figure is None else figure["value"]

    def mean(those, key):
        values = [of(row, key) for row in those if of(row, key) is not None]
        return statistics.mean(values) if values else float("nan")

    for name in sorted(names, key=lambda name: -mean([row for row in rows if row["name"] == name], "gold_score")):
        those = [row for row in rows if row["name"] == name]
        gold = [of(row, "gold_score") for row in those if of(row, "gold_score") is not None] or [float("nan")]
        print(f"| {name} | {mean(those, 'gold_score'):.2f} [{min(gold):.2f}, {max(gold):.2f}] | {100 * mean(those, 'right_share'):.0f} % "
              f"| {100 * mean(those, 'polite_share'):.0f} % | {mean(those, 'kl'):.2f} | {mean(those, 'response_length'):.1f} "
              f"| {statistics.median(row['seconds'] for row in those):.0f} | {len(those)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rlhf", default=os.path.join(ROOT, "rlhf"))
    parser.add_argument("--out", default="runs/algorithms")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--only", nargs="+", help="names of presets and losses")
    parser.add_argument("--table")
    given = parser.parse_args()
    if given.table:
        table(given.table)
    else:
        measure(given.rlhf, given.out, given.seeds, given.only)

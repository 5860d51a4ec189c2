#!/bin/sh
# Runs a recipe in f32 and in bf16 from the same seed, and writes what they came to: a table to docs/performance.md, curves to docs/images/bf16-NAME.svg.
# Runs that are there go on where they were stopped. Settings are variables:
#   NAME=polite  RECIPE=recipes/$NAME.yaml  STEPS=40 (of PPO)  RUNS=runs/precision  DOCUMENT=docs/performance.md
set -eu
cd "$(dirname -- "$0")/../.."
name=${NAME:-polite}
recipe=${RECIPE:-recipes/$name.yaml}
runs=${RUNS:-runs/precision}
document=${DOCUMENT:-docs/performance.md}

for precision in f32 bf16; do
    if [ -d "$runs/$precision" ]; then
        ./rlhf run --resume --out "$runs/$precision"
    else
        ./rlhf run "$recipe" --set "precision=$precision" --set "ppo.steps=${STEPS:-40}" --out "$runs/$precision"
    fi
done
./rlhf report "$runs/f32" --beside "$runs/bf16" --curves "$(dirname -- "$document")/images/bf16-$name.svg" --document "$document"

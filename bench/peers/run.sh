#!/bin/sh
# Times PyTorch and rlhf on the same work in turn (A B A B ...), appends one JSON line a run, and writes the medians to docs/performance.md, their ratios to README.md.
# A rerun goes on where the last one stopped. Settings are variables:
#   ROUNDS=5  SIZES="mini small"  THREADS="1 2"  PRECISIONS="f32 bf16"  REPEAT=2
#   PEER=../shared/peers/torch_rlhf.py  PYTHON=/usr/bin/python3  RESULTS=bench/peers/results.jsonl  DOCUMENT=docs/performance.md  README=README.md
# RESULTS belongs to one machine and one commit: start a new one (or delete it) after a change.
set -eu
cd "$(dirname -- "$0")/../.."
rounds=${ROUNDS:-5}
sizes=${SIZES:-mini small}
threads=${THREADS:-1 2}
precisions=${PRECISIONS:-f32 bf16}
repeat=${REPEAT:-2}
peer=${PEER:-../shared/peers/torch_rlhf.py}
python=${PYTHON:-/usr/bin/python3}
results=${RESULTS:-bench/peers/results.jsonl}
document=${DOCUMENT:-docs/performance.md}
readme=${README:-README.md}
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
trap 'exit 130' INT TERM

fail() {
    echo "run.sh: $1" >&2
    exit 1
}

install_peer() {
    if "$python" -c 'import torch' 2>/dev/null; then
        return
    fi
    command -v apt-get >/dev/null || fail "PyTorch is not installed for $python, and there is no apt-get; install it and set PYTHON."
    [ "$(id -u)" -eq 0 ] || fail "PyTorch is not installed for $python; run this once as root: apt-get install python3-torch libopenblas0-openmp"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-torch libopenblas0-openmp >&2
}

# done_runs ENGINE SIZE THREADS PRECISION: how many of them stand in the results.
done_runs() {
    "$python" bench/peers/summarize.py --count "$1" "$2" "$3" "$4" "$results"
}

# keep ROUND ENGINE SIZE THREADS PRECISION COMMAND...: runs the command unless that round is done, and keeps the last line that it printed with what was asked for.
keep() {
    round=$1 engine=$2 size=$3 count=$4 precision=$5
    shift 5
    if [ "$(done_runs "$engine" "$size" "$count" "$precision")" -ge "$round" ]; then
        return
    fi
    echo "run.sh: round $round of $rounds: $engine $size, $precision, threads $count" >&2
    if ! line=$("$@" 2>"$errors"); then
        tail -n 20 "$errors" >&2
        fail "$engine failed: $*"
    fi
    printf '%s\n' "$line" | tail -n 1 | "$python" bench/peers/summarize.py --tag "$engine" "$size" "$count" "$precision" "$results"
}

[ -f "$peer" ] || fail "the peer is not at $peer; set PEER to the script that times PyTorch (its keys are explained in docs/performance.md)."
install_peer
./rlhf --version >/dev/null

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    for size in $sizes; do
        for precision in $precisions; do
            flag=
            [ "$precision" = bf16 ] && flag=--bf16
            for count in $threads; do
                # $flag is one word or none.
                keep "$round" torch "$size" "$count" "$precision" env OMP_NUM_THREADS="$count" "$python" "$peer" --size "$size" --threads "$count" --repeat "$repeat" $flag
                keep "$round" rlhf "$size" "$count" "$precision" ./rlhf bench --size "$size" --threads "$count" --precision "$precision" --repeat "$repeat" --json
            done
        done
    done
done
"$python" bench/peers/summarize.py --write "$document" "$results"
"$python" bench/peers/summarize.py --glance "$readme" "$results"
echo "run.sh: tables written to $document and $readme" >&2

#!/usr/bin/env python3
"""The results of bench/peers/run.sh: counts them, tags a new one, writes the tables of docs/performance.md and README.md.

    summarize.py --count ENGINE SIZE THREADS PRECISION RESULTS
    summarize.py --tag ENGINE SIZE THREADS PRECISION RESULTS < line     appends the line to the results
    summarize.py --write DOCUMENT RESULTS                               replaces what stands between the markers
    summarize.py --glance DOCUMENT RESULTS                              the same with nothing but the ratios to PyTorch
    summarize.py RESULTS                                                prints the tables
"""
import datetime, json, os, platform, statistics, sys

BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"

TOKENS_OF_AN_ANSWER = 128  # in the reward-model step of both engines

# Key, name, digits; whether larger is better (a rate) or smaller (seconds).
FIGURES = [
    ("sft_tokens_per_s", "SFT, tokens/s", 0, True),
    ("rm_answers_per_s", "reward model, answers/s", 2, True),
    ("rm_shared_answers_per_s", "reward model, prompts shared by their answers, answers/s", 2, True),
    ("rollout_tokens_per_s", "rollout, tokens/s", 0, True),
    ("rollout_s", "rollout, s", 2, False),
    ("score_s", "scores, s", 2, False),
    ("update_s", "PPO update, s", 2, False),
    ("ppo_step_s", "PPO step, s", 2, False),
    ("gemm_gflops", "2048 x 768 x 3072, GFLOP/s", 1, True),
]
GLANCE = ["ppo_step_s", "rollout_tokens_per_s", "sft_tokens_per_s", "rm_answers_per_s", "rm_shared_answers_per_s"]
SCALING = ["sft_tokens_per_s", "score_s", "update_s", "rm_answers_per_s", "rm_shared_answers_per_s", "rollout_tokens_per_s"]
OURS = [
    ("sft_peak_fraction", "SFT, of the matmul peak", 2),
    ("rollout_peak_fraction", "rollout, of the matmul peak", 2),
    ("score_peak_fraction", "scores, of the matmul peak", 2),
    ("update_peak_fraction", "PPO update, of the matmul peak", 2),
    ("rm_peak_fraction", "reward model, of the matmul peak", 2),
    ("rm_shared_peak_fraction", "reward model with shared prompts, of the matmul peak", 2),
    ("matmul_peak_gflops", "matmul peak (1024 x 1024 x 1024), GFLOP/s", 1),
    ("copy_gb_per_s", "copying, GB/s read and written", 1),
    ("peak_memory_bytes", "peak memory, GiB", 2),
]


def read(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def chosen(rows, engine, size, threads, precision):
    wanted = dict(engine=engine, size=size, threads=int(threads), precision=precision)
    results = [row["result"] for row in rows if all(row[key] == value for key, value in wanted.items())]
    return [with_answers(result) for result in results] if engine == "torch" else results


def with_answers(result):
    """The peer counts tokens only, and has no path that shares prompts: its answers a second are the same either way."""
    answers = result["rm_tokens_per_s"] / TOKENS_OF_AN_ANSWER
    return result | {"rm_answers_per_s": answers, "rm_shared_answers_per_s": answers}


def tag(engine, size, threads, precision, path):
    result = json.loads(sys.stdin.read())
    row = dict(engine=engine, size=size, threads=int(threads), precision=precision, finished=now(), machine=machine(), result=result)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def machine():
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            processor = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), processor)
    except OSError:
        pass
    system = platform.system()
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"] + ", Linux " + platform.release()
    except (OSError, AttributeError):
        pass
    return f"{processor}, {os.cpu_count()} cores, {system}"


def values(results, key):
    return [result[key] for result in results if key in result]


def number(value, digits):
    return f"{value:,.{digits}f}"


def times_as_fast(larger, before, after):
    return after / before if larger else before / after


def comparison(theirs, ours, two_threads):
    lines = ["| figure | PyTorch |" + (" its best |" if two_threads else "") + " rlhf | times as fast |", "| --- | --- |" + (" --- |" if two_threads else "") + " --- | --- |"]
    for key, name, digits, larger in FIGURES:
        a, b = values(theirs, key), values(ours, key)
        if not a or not b:
            continue
        p, q = statistics.median(a), statistics.median(b)
        best = max(a) if larger else min(a)
        cells = [name, number(p, digits)] + ([number(best, digits)] if two_threads else []) + [number(q, digits)]
        cells.append(f"{times_as_fast(larger, p, q):.2f}" + (f" (its best: {times_as_fast(larger, best, q):.2f})" if two_threads else ""))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def speedup(key, before, after):
    """How many times as fast the median of the second results is."""
    a, b = values(before, key), values(after, key)
    if not a or not b:
        return None
    larger = next(larger for name, _, _, larger in FIGURES if name == key)
    return times_as_fast(larger, statistics.median(a), statistics.median(b))


def kinds(rows):
    return sorted({(row["size"], row["precision"]) for row in rows}, key=lambda pair: (pair[0] != "mini", pair[1] != "f32"))


def ratios(title, keys, ratio, rows):
    """A row for each figure, a column for each size and precision."""
    names = {key: name.rsplit(",", 1)[0] for key, name, _, _ in FIGURES}
    columns = kinds(rows)
    lines = [f"| {title} | " + " | ".join(f"`{size}`, {precision}" for size, precision in columns) + " |", "| --- |" + " --- |" * len(columns)]
    for key in keys:
        found = [ratio(key, *column) for column in columns]
        if any(found):
            lines.append(f"| {names[key]} | " + " | ".join(f"{x:.2f}" if x else "" for x in found) + " |")
    return lines + [""]


def glance(rows):
    """Ratios to the peer, a table for each number of threads."""
    lines = []
    for count in sorted({row["threads"] for row in rows}):
        beside = lambda key, size, precision: speedup(key, chosen(rows, "torch", size, count, precision), chosen(rows, "rlhf", size, count, precision))
        lines += ratios(f"times as fast as PyTorch, {count} thread{'s' * (count > 1)}", GLANCE, beside, rows)
    return lines


def scaling(rows):
    return ratios("two threads over one, rlhf", SCALING, lambda key, size, precision: speedup(key, *(chosen(rows, "rlhf", size, count, precision) for count in (1, 2))), rows)


def own(rows, size, precision, threads):
    lines = ["| rlhf alone | " + " | ".join(f"{count} thread{'s' * (count > 1)}" for count in threads) + " |", "| --- |" + " --- |" * len(threads)]
    for key, name, digits in OURS:
        columns = [values(chosen(rows, "rlhf", size, count, precision), key) for count in threads]
        if any(columns):
            scale = 2**30 if key.endswith("_bytes") else 1
            lines.append(f"| {name} | " + " | ".join(number(statistics.median(column) / scale, digits) if column else "" for column in columns) + " |")
    return lines


def tables(rows):
    if not rows:
        return ["No results yet."]
    lines = []
    for text in dict.fromkeys(row["machine"] for row in rows):
        engines = dict.fromkeys(row["result"]["engine"] for row in rows if row["machine"] == text)
        dates = sorted(row["finished"] for row in rows if row["machine"] == text)
        lines += [f"Machine: {text}. Engines: {', '.join(engines)}. Measured from {dates[0]} to {dates[-1]}.", ""]
    lines += ["### At a glance", "", *glance(rows), *scaling(rows)]
    for size, precision in kinds(rows):
        threads = sorted({row["threads"] for row in rows if (row["size"], row["precision"]) == (size, precision)})
        for count in threads:
            theirs, ours = (chosen(rows, engine, size, count, precision) for engine in ("torch", "rlhf"))
            if theirs and ours:
                title = f"`{size}`, {precision}, {count} thread{'s' * (count > 1)}: medians of {len(theirs)} and {len(ours)} runs"
                lines += [f"### {title}", "", *comparison(theirs, ours, count > 1), ""]
        lines += [f"### `{size}`, {precision}: how near to the machine's limit", "", *own(rows, size, precision, threads), ""]
    return lines[:-1]


def write(document, lines):
    with open(document, encoding="utf-8") as file:
        text = file.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(f"summarize.py: {document} has no {BEGIN} ... {END}")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    with open(document, "w", encoding="utf-8") as file:
        file.write(before + "\n" + "\n".join(lines) + "\n" + after)


def main(arguments):
    match arguments:
        case ["--count", engine, size, threads, precision, path]:
            print(len(chosen(read(path), engine, size, threads, precision)))
        case ["--tag", engine, size, threads, precision, path]:
            tag(engine, size, threads, precision, path)
        case ["--write", document, path]:
            write(document, tables(read(path)))
        case ["--glance", document, path]:
            write(document, glance(read(path))[:-1])
        case [path] if not path.startswith("-"):
            print("\n".join(tables(read(path))))
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])

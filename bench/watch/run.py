#!/usr/bin/env python3
"""What `rlhf watch` costs beside a run of 10,000 steps: docs/watching.md. Makes such a run of a finished quickstart's folder (its last PPO steps over and over,
two samples a step), opens the page's stream of events, adds a step and rewrites status.json every second or two as a run does, and reads /proc.

    ./rlhf quickstart
    python3 bench/watch/run.py --run runs/quickstart --out long [--steps 10000] [--seconds 60]
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def write(path, rows, mode="w"):
    with open(path, mode) as file:
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def make(options, stage):
    """A run under way: gives the rows of one step, to be repeated."""
    shutil.rmtree(options.out, ignore_errors=True)
    shutil.copytree(options.run, options.out)
    rows = read(f"{options.out}/metrics.jsonl")
    steps = [row for row in rows if row["stage"] == stage and "seconds_rollout" in row]
    samples = read(f"{options.out}/stages/{stage}/samples.jsonl")
    write(f"{options.out}/metrics.jsonl", [row for row in rows if row["stage"] != stage] + [step(steps, i) for i in range(options.steps)])
    write(f"{options.out}/stages/{stage}/samples.jsonl", [dict(samples[i % len(samples)], step=i // 2 + 1) for i in range(2 * options.steps)])
    os.remove(f"{options.out}/stages/{stage}/summary.json")
    return steps


def step(steps, index):
    return dict(steps[index % len(steps)], step=index + 1, seconds=float(index))


def status(options):
    path = f"{options.out}/status.json"
    with open(path) as file:
        text = json.load(file)
    text.update(state="running", process=os.getpid(), updated=time.strftime("%Y-%m-%dT%H:%M:%S.0000000+00:00", time.gmtime()))
    with open(path + ".new", "w") as file:
        json.dump(text, file)
    os.replace(path + ".new", path)


def cost(process):
    with open(f"/proc/{process}/stat") as file:
        ticks = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{process}/status") as file:
        memory = dict(re.findall(r"(VmRSS|RssAnon|VmHWM):\s+(\d+)", file.read()))
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"), {name: int(kib) >> 10 for name, kib in memory.items()}


def look(address, received):
    with urllib.request.urlopen(address + "api/events") as stream:
        while chunk := stream.read1(1 << 16):
            received.append(len(chunk))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rlhf", default=os.path.join(ROOT, "artifacts/bin/Rlhf.Cli/release/Rlhf.Cli"))
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    stage = sorted(name for name in os.listdir(f"{options.run}/stages") if "ppo" in name)[-1]
    steps = make(options, stage)
    status(options)
    with subprocess.Popen([options.rlhf, "watch", options.out, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        address = next(found[0] for found in (re.findall(r"http://[\d.]+:\d+/", line) for line in server.stdout) if found)
        time.sleep(2)
        print("listening:", cost(server.pid))
        received = []
        threading.Thread(target=look, args=(address, received), daemon=True).start()
        time.sleep(20)
        print("the page has everything:", cost(server.pid), sum(received), "bytes")
        for news in (True, False):
            before, sent = cost(server.pid)[0], sum(received)
            for second in range(options.seconds):
                time.sleep(1)
                if news:
                    write(f"{options.out}/metrics.jsonl", [step(steps, options.steps + second)], "a")
                    status(options)
            after, memory = cost(server.pid)
            print("a step a second:" if news else "no news:", f"{100 * (after - before) / options.seconds:.2f} % of a core", memory, sum(received) - sent, "bytes")
        server.terminate()


if __name__ == "__main__":
    main()

// Takes the server's events and hands them to the parts of the page. Everything that is shown is text: nothing of a run becomes markup.

import { Curves } from "./charts.js";
import { Now } from "./now.js";
import { Ledger, Samples } from "./rows.js";

const byId = id => document.getElementById(id);
let runs = [];
let now, curves, samples, ledger;

function begin(hello) {
  runs = Array.from({ length: hello.runs }, () => null);
  now = new Now(byId("runs"), byId("alarm-list"), hello, ask);
  curves = new Curves(byId("stages"), byId("legend"), hello.runs);
  samples = new Samples(byId("sample-list"), hello.runs);
  ledger = new Ledger(byId("ledger-list"), hello.runs);
}

function take(name, data) {
  if (name === "run") {
    runs[data.run] = data;
    now.show(data);
    for (const part of [curves, samples, ledger]) {
      part.call(data.run, data.name);
    }
    byId("title").textContent = runs.map(run => run?.name ?? "…").join(", ");
    document.title = `${runs.map(run => run ? `${run.name}: ${run.state}` : "…").join(", ")} · RLHF.NET`;
    curves.underWay(data.run, data.work?.name ?? data.stages.findLast(stage => stage.state !== "to come")?.name);
  } else if (name === "curves") {
    curves.add(data);
    now.speeds(data.run, curves.speedOf(data.run));
  } else if (name === "forget") {
    curves.forget(data.run);
  } else if (name === "samples") {
    samples.add(data);
  } else if (name === "ledger") {
    ledger.show(data);
  }
}

function connect() {
  const events = new EventSource("/api/events");
  const connection = byId("connection");
  events.addEventListener("hello", event => {
    begin(JSON.parse(event.data));
    connection.className = "";
    connection.textContent = "Live: what is new comes every second.";
  });
  for (const name of ["run", "curves", "forget", "samples", "ledger"]) {
    events.addEventListener(name, event => take(name, JSON.parse(event.data)));
  }
  events.onerror = () => {
    connection.className = "lost";
    connection.textContent = events.readyState === EventSource.CLOSED
      ? "The server refuses to show the runs. Open the link that the program printed at its start, or load the page again."
      : "The watching program does not answer; the page tries again. What it shows is from before.";
  };
}

async function ask(run) {
  const dialog = byId("stop-dialog");
  byId("stop-question").textContent = `Stop ${runs[run].name}?`;
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise(done => dialog.addEventListener("close", done, { once: true }));
  if (dialog.returnValue !== "stop") {
    return;
  }
  try {
    const answer = await fetch("/api/stop", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ run }) });
    const body = await answer.json().catch(() => null);
    now.answer(run, answer.ok ? "Asked. The run stops after its next checkpoint." : body?.error ?? `The server answered ${answer.status}.`);
  } catch {
    now.answer(run, "The watching program does not answer: nothing was asked.");
  }
}

connect();

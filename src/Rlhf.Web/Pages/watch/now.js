// What each run does at this moment, its alarms, and the button that stops it.

import { element, number, replaceText } from "./drawing.js";

const bytes = value => value == null ? "–" : value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(2)} GiB` : `${Math.round(value / 2 ** 20)} MiB`;

export class Now {
  constructor(place, alarms, hello, stop) {
    this.alarms = alarms;
    this.runs = Array.from({ length: hello.runs }, (_, at) => this.card(at, hello, stop));
    this.states = [];
    place.replaceChildren(...this.runs.map(run => run.card));
    alarms.replaceChildren(element("p", "", "None so far."));
  }

  card(at, hello, stop) {
    const name = element("h3"), state = element("span", "state"), button = element("button", "danger", "Stop …");
    button.type = "button";
    button.hidden = true;
    button.addEventListener("click", () => stop(at));
    const swatch = element("i", `swatch s${at}`);
    swatch.hidden = hello.runs < 2;
    const head = element("header");
    const words = element("span");
    name.append(swatch, words);
    head.append(name, state, button);
    const sentence = element("p", "sentence"), answer = element("p", "refusal"), stages = element("ol", "stages"), progress = element("progress");
    sentence.setAttribute("role", "status");
    answer.setAttribute("role", "alert");
    answer.hidden = true;
    const facts = element("dl", "facts");
    const values = Object.fromEntries(["Work", "Left in this stage", "Speed", "Memory", "Last figures"].map(title => {
      const value = element("dd", "", "–"), row = element("div");
      row.append(element("dt", "", title), value);
      facts.append(row);
      return [title, value];
    }));
    const problems = element("div"), told = element("details", "told"), lines = element("ol");
    told.append(element("summary", "", "What the run has said"), lines);
    const card = element("article", "run");
    card.append(head, sentence, answer, problems, stages, progress, facts, told);
    return { card, words, state, button, sentence, answer, stages, progress, facts, values, problems, told, lines, owner: hello.owner };
  }

  show(data) {
    const run = this.runs[data.run], work = data.work;
    this.states[data.run] = data;
    replaceText(run.words, data.name);
    replaceText(run.state, data.state);
    run.state.className = `state ${data.state}`;
    replaceText(run.sentence, data.sentence);
    run.sentence.hidden = data.sentence === "";
    run.button.hidden = !run.owner || !["running", "stopping"].includes(data.state);
    run.button.disabled = !data.can_stop;
    replaceText(run.button, data.state === "stopping" ? "Stopping …" : "Stop …");
    if (!["running"].includes(data.state)) {
      run.answer.hidden = true;
    }
    run.stages.replaceChildren(...data.stages.map(stage => {
      const item = element("li", stage.state === "to come" ? "" : stage.state, stage.name);
      item.title = stage.state;
      return item;
    }));
    run.progress.hidden = run.facts.hidden = data.state === "waiting" || (!work && !data.memory_bytes);
    if (work && work.total > 0) {
      run.progress.max = work.total;
      run.progress.value = Math.min(work.done, work.total);
    } else {
      run.progress.removeAttribute("value");
    }
    run.progress.hidden ||= !work;
    run.progress.setAttribute("aria-label", `${data.name}: ${work?.name ?? "no work"}`);
    replaceText(run.values.Work, work ? `${work.name}: ${number(work.done)}${work.total ? ` of ${number(work.total)}` : ""} ${work.unit}` : "between two pieces of work");
    replaceText(run.values["Left in this stage"], work?.left ?? "–");
    replaceText(run.values.Memory, `${bytes(data.memory_bytes)}, at most ${bytes(data.peak_memory_bytes)}`);
    replaceText(run.values["Last figures"], work?.note || "–");
    run.problems.replaceChildren(...data.problems.map(text => warning("problem", "Cannot be read", text)));
    run.lines.replaceChildren(...data.lines.map(line => element("li", "", line)));
    run.told.hidden = data.lines.length === 0;
    this.showAlarms();
  }

  showAlarms() {
    const all = this.states.flatMap(run => (run?.alarms ?? []).map(alarm => ({ ...alarm, name: run.name })));
    const text = alarm => `${this.runs.length > 1 ? `${alarm.name}, ` : ""}${alarm.stage}, step ${number(alarm.step)}`;
    const key = JSON.stringify(all);
    if (key !== this.shown) {
      this.shown = key;
      this.alarms.replaceChildren(...(all.length === 0 ? [element("p", "", "None so far.")] : all.map(alarm => warning("alarm", text(alarm), alarm.message))));
    }
  }

  speeds(at, tokens) {
    replaceText(this.runs[at].values.Speed, tokens == null ? "–" : `${number(tokens)} tokens/s`);
  }

  answer(at, text) {
    this.runs[at].answer.hidden = false;
    replaceText(this.runs[at].answer, text);
  }
}

function warning(kind, title, text) {
  const place = element("p", kind);
  place.dir = "auto";
  place.append(element("strong", "", title), text);
  return place;
}

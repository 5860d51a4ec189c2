// The settings' form. It sends what was changed in it, with what stood there before, so that two pages do not undo each other's work.

import { Refusal, post } from "./api.js";

const $ = id => document.getElementById(id);

const fields = [
  { name: "overlap", id: "overlap", read: Number },
  { name: "lease_minutes", id: "lease", read: Number },
  { name: "calibration_share", id: "share", read: Number },
  { name: "criteria", id: "criteria", read: text => text.replaceAll("\r\n", "\n") },
  { name: "reason", id: "reason", read: text => text },
  { name: "reviews", id: "reviews", read: text => text === "true" },
  { name: "instructions", id: "instructions-source", read: text => text.replaceAll("\r\n", "\n") },
];

export class SettingsForm {
  #base = null; // What stands in the store, as far as this page knows.

  /** Brings the form to the store's settings. What somebody is writing here stays; what others have changed meanwhile is shown below it. */
  show(settings) {
    for (const field of fields) {
      const isOwn = this.#base !== null && this.#isChanged(field);
      const wasChanged = this.#base !== null && settings[field.name] !== this.#base[field.name];
      if (!isOwn) {
        $(field.id).value = String(settings[field.name]);
      }
      if (isOwn && wasChanged) {
        showTheirs(field, settings[field.name]);
      }
      if (!isOwn || field.read($(field.id).value) === settings[field.name]) {
        $(`${field.id}-theirs`).hidden = true;
      }
    }
    this.#base = settings;
  }

  /** Saves what was changed; returns what to say. */
  async save() {
    if (this.#base === null) {
      throw new Error("The settings are not loaded yet.");
    }
    const changed = fields.filter(field => this.#isChanged(field));
    if (changed.length === 0) {
      return "Nothing was changed.";
    }
    const pick = read => Object.fromEntries(changed.map(field => [field.name, read(field)]));
    try {
      const saved = await post("/api/owner/settings", { ...pick(field => field.read($(field.id).value)), was: pick(field => this.#base[field.name]) });
      this.#base = { ...this.#base, ...pick(field => saved[field.name]) };
      this.show(saved);
      return "Saved";
    } catch (problem) {
      if (problem instanceof Refusal && problem.status === 409) {
        this.show(problem.body.settings);
      }
      throw problem;
    }
  }

  #isChanged = field => field.read($(field.id).value) !== field.read(String(this.#base[field.name]));
}

function showTheirs(field, value) {
  const element = $(`${field.id}-theirs`);
  element.replaceChildren("Changed meanwhile by somebody else; in the store is now:");
  const theirs = document.createElement("div");
  theirs.className = "theirs";
  theirs.dir = "auto";
  theirs.textContent = String(value);
  element.append(theirs);
  element.hidden = false;
}

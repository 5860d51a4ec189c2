// Text of models and people. It only ever becomes text nodes; what cannot be seen is named, and what turns the direction of writing is taken out of force.

const shownAtOnce = 20_000;

// Controls, zero width, direction, tags, lone surrogates, what is too much of a tower of combining marks. Joiners stay where scripts and emoji need them.
const invisible = new RegExp(
  "(?<![\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F\\p{Script=Arabic}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Tamil}\\p{Script=Sinhala}\\p{Script=Malayalam}])[\\u200C\\u200D]"
  + "|[\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u180B-\\u180F\\u200B\\u200E\\u200F\\u2028-\\u202E\\u2060-\\u206F\\u3164\\uFEFF\\uFFA0\\uFFF9-\\uFFFB\\u{E0000}-\\u{E0FFF}]"
  + "|\\r(?!\\n)|\\p{Surrogate}|(?<=\\p{M}{6})\\p{M}{6,}", "gu");

/** Fills an element with a text. A very long one is shown in parts. */
export function showText(element, text) {
  element.replaceChildren();
  element.dir = "auto";
  if (text.trim() === "") {
    element.append(noteOf("empty", "There is no text"));
  }
  append(element, text, 0);
}

/** Whether there is anything in a text that cannot be seen. */
export const hidesSomething = text => text.search(invisible) >= 0;

function append(element, text, from) {
  const to = endOf(text, from);
  let last = from;
  const part = text.slice(from, to);
  for (const match of part.matchAll(invisible)) {
    element.append(part.slice(last - from, match.index), markOf(match[0]));
    last = from + match.index + match[0].length;
  }
  element.append(text.slice(last, to));
  if (to < text.length) {
    element.append(moreButton(element, text, to));
  }
}

// Never between the halves of a surrogate pair.
function endOf(text, from) {
  const to = Math.min(text.length, from + shownAtOnce);
  const code = text.charCodeAt(to - 1);
  return to < text.length && code >= 0xd800 && code < 0xdc00 ? to - 1 : to;
}

const markOf = found => ([...found].length > 1
  ? noteOf(`${[...found].length} combining marks`, "Marks that would lie over each other")
  : noteOf(`U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`, "A character that cannot be seen"));

function noteOf(text, title) {
  const note = document.createElement("span");
  note.className = "invisible";
  note.textContent = text;
  note.title = title;
  return note;
}

function moreButton(element, text, from) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "more";
  button.textContent = `Show more (${(text.length - from).toLocaleString("en")} characters are left)`;
  button.addEventListener("click", () => {
    button.remove();
    append(element, text, from);
  });
  return button;
}

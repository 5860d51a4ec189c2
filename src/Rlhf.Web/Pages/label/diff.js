// The difference between two texts, word by word.

const longest = 4_000_000; // Steps of the comparison at most: pairs of words.

/** Parts of two texts in order: { kind: "same" | "gone" | "new", text }. Null where the texts are too long to compare. */
export function difference(before, after) {
  const [one, other] = [wordsOf(before), wordsOf(after)];
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) {
    start++;
  }
  let end = 0;
  while (end < one.length - start && end < other.length - start && one[one.length - 1 - end] === other[other.length - 1 - end]) {
    end++;
  }
  const [a, b] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
  if (a.length * b.length > longest) {
    return null;
  }
  return joined([
    ...one.slice(0, start).map(text => ({ kind: "same", text })),
    ...middle(a, b),
    ...one.slice(one.length - end).map(text => ({ kind: "same", text })),
  ]);
}

const wordsOf = text => text.match(/\s+|[\p{L}\p{M}\p{N}_]+|[^\s\p{L}\p{M}\p{N}_]/gu) ?? [];

// The longest common subsequence, from its table.
function middle(a, b) {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] = a[i] === b[j] ? table[(i + 1) * width + j + 1] + 1 : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  const parts = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      parts.push({ kind: "same", text: a[i++] });
      j++;
    } else if (i < a.length && (j === b.length || table[(i + 1) * width + j] >= table[i * width + j + 1])) {
      parts.push({ kind: "gone", text: a[i++] });
    } else {
      parts.push({ kind: "new", text: b[j++] });
    }
  }
  return parts;
}

// Neighbours of one kind are one part, and what is gone stands before what is new. White space between two changes belongs to both of them.
function joined(parts) {
  const result = [];
  let [gone, fresh] = ["", ""];
  const flush = () => {
    if (gone) {
      result.push({ kind: "gone", text: gone });
    }
    if (fresh) {
      result.push({ kind: "new", text: fresh });
    }
    [gone, fresh] = ["", ""];
  };
  parts.forEach(({ kind, text }, index) => {
    if (kind === "gone") {
      gone += text;
    } else if (kind === "new") {
      fresh += text;
    } else if (gone && fresh && /^[ \t]+$/.test(text) && parts[index + 1] && parts[index + 1].kind !== "same") {
      gone += text;
      fresh += text;
    } else {
      flush();
      const last = result.at(-1);
      if (last?.kind === "same") {
        last.text += text;
      } else {
        result.push({ kind, text });
      }
    }
  });
  flush();
  return result;
}

/** Fills an element with the difference; says so where there is none. */
export function showDifference(element, before, after) {
  const parts = difference(before, after);
  element.dir = "auto";
  element.replaceChildren();
  if (parts === null) {
    element.textContent = "The texts are too long to compare word by word.";
  } else if (parts.every(part => part.kind === "same")) {
    element.textContent = "No difference.";
  } else {
    element.append(...parts.map(({ kind, text }) => {
      const made = document.createElement(kind === "same" ? "span" : kind === "gone" ? "del" : "ins");
      made.textContent = text;
      return made;
    }));
  }
}

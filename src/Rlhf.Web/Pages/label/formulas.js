// Formulas as mathematics. KaTeX makes MathML of TeX, and knows no command that loads, links or styles anything (trust is off); what it cannot read stays TeX.

import "/katex.js";

const longest = 2_000;
const options = { output: "mathml", throwOnError: true, strict: false, trust: false, maxExpand: 200, maxSize: 20 };

/** Draws the formulas that Markdown has found in an element. */
export function showFormulas(element) {
  for (const code of element.querySelectorAll("code.formula")) {
    const source = code.textContent;
    const width = /^(\$\$|\\)/.test(source) ? 2 : 1;
    if (source.length > longest) {
      continue;
    }
    const drawn = document.createElement("span");
    drawn.className = "formula";
    try {
      globalThis.katex.render(source.slice(width, -width), drawn, { ...options, displayMode: /^(\$\$|\\\[)/.test(source) });
      drawn.title = source;
      code.replaceWith(drawn);
    } catch {
      code.title = "This formula cannot be read: it is shown as TeX.";
    }
  }
}

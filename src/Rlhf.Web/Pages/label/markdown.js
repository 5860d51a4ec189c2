// Texts as Markdown, or as they are. Nothing in a text can become a script, a form, an image or something that is fetched: markdown-it passes no HTML, and
// DOMPurify lets only the elements below pass.

import DOMPurify from "/dompurify.js";
import markdownIt from "/markdown-it.js";
import { showFormulas } from "./formulas.js";
import { hidesSomething, showText } from "./text.js";

const longest = 20_000; // A longer text is shown as it is, in parts.
const tags = ["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"];
const formulas = [["$$", "$$"], ["\\[", "\\]"], ["\\(", "\\)"], ["$", "$"]];

const markdown = markdownIt({ html: false, linkify: false, breaks: true, maxNesting: 40 });
markdown.inline.ruler.before("escape", "formula", formula);
markdown.renderer.rules.formula = (tokens, index) => `<code class="formula">${markdown.utils.escapeHtml(tokens[index].content)}</code>`;
// An image is a text: the page fetches nothing from elsewhere.
markdown.renderer.rules.image = (tokens, index) => markdown.utils.escapeHtml(`![${tokens[index].content}](${tokens[index].attrGet("src")})`);

// TeX as it is written, untouched by Markdown: a line of it keeps its underscores and backslashes.
function formula(state, silent) {
  for (const [open, close] of formulas) {
    if (!state.src.startsWith(open, state.pos)) {
      continue;
    }
    const from = state.pos + open.length;
    const end = state.src.indexOf(close, from);
    const body = state.src.slice(from, end);
    // "$5 and $6" is money: a formula has no space at its edges, and no digit follows it.
    const isMoney = open === "$" && (/^\s|\s$|\n\n/.test(body) || /^\d/.test(state.src.slice(end + 1)));
    if (end < 0 || end > state.posMax || body.trim() === "" || isMoney) {
      continue;
    }
    if (!silent) {
      state.push("formula", "", 0).content = `${open}${body}${close}`;
    }
    state.pos = end + close.length;
    return true;
  }
  return false;
}

const key = "rlhf-raw-text";
const shown = new Map(); // What is on the page: element to text.
let raw = remembered();

export const isRaw = () => raw;

/** Shows every text as it is trained, or as Markdown. */
export function setRaw(wanted) {
  raw = wanted;
  try {
    localStorage.setItem(key, String(raw));
  } catch {
    // Without its memory the browser shows Markdown at each visit.
  }
  for (const [element, text] of [...shown]) {
    if (element.isConnected) {
      draw(element, text);
    } else {
      shown.delete(element);
    }
  }
}

/** Fills an element with a text, and changes it with the switch. */
export function showMarkdown(element, text) {
  shown.set(element, text);
  draw(element, text);
}

function draw(element, text) {
  // What cannot be seen is named, at its very place: such a text is shown as it is.
  const formatted = !raw && text.length <= longest && text.trim() !== "" && !hidesSomething(text);
  element.classList.toggle("formatted", formatted);
  if (!formatted) {
    showText(element, text);
    return;
  }
  const content = DOMPurify.sanitize(markdown.render(text), { ALLOWED_TAGS: tags, ALLOWED_ATTR: ["href", "title", "class", "start"], RETURN_DOM_FRAGMENT: true });
  element.dir = "auto";
  element.replaceChildren(content);
  finish(element);
}

function finish(element) {
  for (const node of [...element.childNodes]) {
    if (node.nodeType === Node.TEXT_NODE && node.data.trim() === "") {
      node.remove();
    }
  }
  showFormulas(element);
  for (const link of element.querySelectorAll("a")) {
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    link.title = link.getAttribute("href") ?? "";
  }
  for (const table of element.querySelectorAll("table")) {
    const wide = document.createElement("div");
    wide.className = "wide";
    table.replaceWith(wide);
    wide.append(table);
  }
  // What is wider than its place is scrolled with keys, too.
  for (const scrolled of element.querySelectorAll("pre, .wide")) {
    scrolled.tabIndex = 0;
  }
}

function remembered() {
  try {
    return localStorage.getItem(key) === "true";
  } catch {
    return false;
  }
}

// The owner's instructions: headings, lists, paragraphs, **strong**, *emphasis* and `code` of Markdown, as elements. Nothing in it can become a link or a script.

export function showInstructions(element, text) {
  element.replaceChildren();
  let list = null;
  for (const block of text.replaceAll("\r\n", "\n").split("\n")) {
    const heading = /^(#{1,4})\s+(.*)/.exec(block);
    const item = /^\s*(?:[-*]|\d+[.)])\s+(.*)/.exec(block);
    if (item) {
      const kind = /^\s*\d/.test(block) ? "ol" : "ul";
      if (list?.localName !== kind) {
        list = document.createElement(kind);
        element.append(list);
      }
      list.append(inline("li", item[1]));
      continue;
    }
    list = null;
    if (heading) {
      element.append(inline(`h${heading[1].length + 2}`, heading[2]));
    } else if (block.trim() !== "") {
      element.append(inline("p", block));
    }
  }
}

function inline(name, text) {
  const element = document.createElement(name);
  element.dir = "auto";
  for (const part of text.split(/(\*\*[^*]+\*\*|\*[^*]+\*|`[^`]+`)/)) {
    const kind = part.startsWith("**") ? ["strong", 2] : part.startsWith("*") && part.length > 1 ? ["em", 1] : part.startsWith("`") && part.length > 1 ? ["code", 1] : null;
    if (kind && part.length > 2 * kind[1]) {
      const child = document.createElement(kind[0]);
      child.textContent = part.slice(kind[1], -kind[1]);
      element.append(child);
    } else {
      element.append(part);
    }
  }
  return element;
}

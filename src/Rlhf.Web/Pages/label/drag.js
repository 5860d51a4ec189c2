// Dragging with mouse, pen or finger. The board's tiers lie below each other, or beside each other on a narrow screen.

/** Where a point lies: { tier: n }, { gap: n } or { tray: true }; null outside of both. */
export function targetAt(board, tray, x, y) {
  if (contains(tray.getBoundingClientRect(), x, y)) {
    return { tray: true };
  }
  if (!contains(board.getBoundingClientRect(), x, y)) {
    return null;
  }
  const across = getComputedStyle(board).flexDirection === "row";
  const rows = [...board.children];
  for (let index = 0; index < rows.length; index++) {
    const box = rows[index].getBoundingClientRect();
    const [from, to, at] = across ? [box.left, box.right, x] : [box.top, box.bottom, y];
    const margin = (to - from) / 4;
    if (at < from + margin) {
      return { gap: index };
    }
    if (at <= to - margin) {
      return { tier: index };
    }
  }
  return { gap: rows.length };
}

const contains = (box, x, y) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;

/** Lets everything with data-drag be dragged to the board. */
export function enableDragging(root, board, tray, onDrop) {
  let drag = null;

  root.addEventListener("pointerdown", event => {
    const source = event.target.closest("[data-drag]");
    if (source && event.isPrimary && event.button === 0) {
      drag = { answer: Number(source.dataset.drag), x: event.clientX, y: event.clientY, pointer: event.pointerId, ghost: null };
    }
  });

  document.addEventListener("pointermove", event => {
    if (event.pointerId !== drag?.pointer) {
      return;
    }
    if (!drag.ghost && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 4) {
      drag.ghost = ghostOf(drag.answer);
    }
    if (drag.ghost) {
      drag.ghost.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
      mark(board, tray, targetAt(board, tray, event.clientX, event.clientY));
    }
  });

  document.addEventListener("pointerup", event => {
    if (event.pointerId !== drag?.pointer) {
      return;
    }
    const { answer, ghost } = drag;
    end();
    const target = ghost && targetAt(board, tray, event.clientX, event.clientY);
    if (target) {
      onDrop(answer, target);
    }
  });

  document.addEventListener("pointercancel", () => drag && end());
  document.addEventListener("keydown", event => event.key === "Escape" && drag && end());

  function end() {
    drag.ghost?.remove();
    drag = null;
    mark(board, tray, null);
  }
}

function ghostOf(answer) {
  const ghost = document.createElement("div");
  ghost.className = "ghost";
  ghost.textContent = letterOf(answer);
  document.body.append(ghost);
  return ghost;
}

function mark(board, tray, target) {
  tray.classList.toggle("target", target?.tray === true);
  [...board.children].forEach((row, index) => {
    row.classList.toggle("target", target?.tier === index);
    row.classList.toggle("before", target?.gap === index);
    row.classList.toggle("after", target?.gap === index + 1 && index === board.children.length - 1);
  });
  board.classList.toggle("target", target?.gap === 0 && board.children.length === 0);
}

export const letterOf = answer => String.fromCharCode(65 + answer);

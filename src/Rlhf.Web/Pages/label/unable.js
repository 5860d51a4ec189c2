// Why a task cannot be done: asked in a dialog.

const $ = id => document.getElementById(id);

/** @param submit is told the reason. */
export function enableSkipping(submit) {
  $("cannot").addEventListener("click", () => $("reason").showModal());
  $("reason-cancel").addEventListener("click", () => $("reason").close());
  $("reason-text").addEventListener("input", () => { $("reason-form").elements.reason.value = "other"; });
  $("reason-form").addEventListener("submit", () => {
    const chosen = $("reason-form").elements.reason.value;
    submit(chosen === "other" ? $("reason-text").value.trim() || "Something else" : chosen);
    $("reason-form").reset();
  });
}

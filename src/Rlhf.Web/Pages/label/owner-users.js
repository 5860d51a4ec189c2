// Who works here: tokens are made and taken back, and a link invites somebody.

import { post } from "./api.js";
import { fill } from "./owner-tables.js";

const $ = id => document.getElementById(id);

/** @param act does something and says what became of it. */
export function showUsers(users, act) {
  fill("users", users, one => [
    one.name, one.owner ? "owner" : "labeler", one.revoked ? "revoked" : one.has_token ? "signs in" : "no token",
    one.has_token && !one.revoked ? revokeButton(one.name, act) : "–"]);
}

export async function addUser() {
  const made = await post("/api/owner/users", { name: $("user-name").value.trim(), role: $("user-role").value });
  $("add-user").reset();
  $("invitation").hidden = false;
  $("invitation-name").textContent = made.name;
  $("invitation-link").value = new URL(made.path, location.origin).href;
  $("invitation-token").value = made.token;
  $("invitation-link").select();
  return `${made.name} was added.`;
}

/** A link may be taken back at once with the token that is in it. */
function revokeButton(name, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = "Revoke";
  made.setAttribute("aria-label", `Revoke the token of ${name}`);
  made.addEventListener("click", () => {
    if (made.dataset.sure === undefined) {
      made.dataset.sure = "";
      made.textContent = "Really revoke?";
      return;
    }
    act(async () => {
      await post("/api/owner/users/revoke", { name });
      return `The token of ${name} lets nobody in any more.`;
    });
  });
  return made;
}

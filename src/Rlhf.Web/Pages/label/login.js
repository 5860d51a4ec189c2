import { post } from "./api.js";

// An invitation carries its token behind the #, which is sent to nobody; it does not stay in the address.
const invited = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.getElementById("form");
form.addEventListener("submit", async event => {
  event.preventDefault();
  const error = document.getElementById("error");
  error.textContent = "";
  try {
    await post("/api/login", { token: document.getElementById("token").value });
    location.assign("/");
  } catch (problem) {
    error.textContent = problem.message;
  }
});

if (invited !== "") {
  document.getElementById("token").value = invited;
  form.requestSubmit();
}

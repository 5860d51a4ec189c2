import { post } from "./api.js";

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

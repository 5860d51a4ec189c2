// Requests to the server. A refusal is an error with the server's own words and its status; no answer at all has status 0.

export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, init) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new Refusal("The server does not answer.", 0);
  }
  if (response.status === 401 && location.pathname !== "/login") {
    location.assign("/login");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Refusal(body?.error ?? `The server answered ${response.status}.`, response.status);
  }
  return body;
}

export const get = path => ask(path);

export const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

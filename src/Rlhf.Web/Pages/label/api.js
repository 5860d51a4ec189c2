// Requests to the server. A refusal is an error with the server's own words, its status and its body; no answer at all has status 0.

export class Refusal extends Error {
  constructor(message, status, body = null) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** @param stay whether the page stays when nobody is signed in any more: it holds something that is not saved. */
async function ask(path, init, stay = false) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new Refusal("The server does not answer.", 0);
  }
  if (response.status === 401 && !stay && location.pathname !== "/login") {
    location.assign("/login");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Refusal(body?.error ?? `The server answered ${response.status}.`, response.status, body);
  }
  return body;
}

export const get = path => ask(path);

export const post = (path, body, stay = false) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, stay);

/** A file as it is. */
export const postRows = (path, file) => ask(path, { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: file });

export const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));

// Requests to the server, and what the page's settings say for them.
import { byId, showPanel } from './view.js';

const numbers = ['temperature', 'top_p', 'top_k', 'min_p', 'max_tokens', 'seed'];
const headers = () => ({ 'Content-Type': 'application/json', ...(byId('key').value ? { Authorization: `Bearer ${byId('key').value}` } : {}) });

/** The settings that were given, as parameters of a request. */
export const settings = () => Object.fromEntries(numbers.filter(name => byId(name).value !== '').map(name => [name, byId(name).valueAsNumber]));

export const system = () => byId('system').value.trim();

/** Asks the server: with a body it is a POST. Throws what the server says is wrong. */
export async function call(path, body, signal) {
  const response = await fetch(path, { headers: headers(), ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}), signal });
  if (!response.ok) {
    if (response.status === 401) {
      showPanel('settings', true);
    }
    throw new Error(await errorOf(response));
  }
  return response;
}

async function errorOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

// The chats of this browser. They are kept here alone; the server keeps nothing of them.

const key = 'rlhf-chats';
const most = 50;

/** All chats, newest first. */
export function chats() {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(kept) ? kept.filter(isChat) : [];
  } catch {
    return [];
  }
}

/** Keeps a chat: the oldest ones go where there is no room. False where nothing can be kept. */
export function keep(chat) {
  const all = [chat, ...chats().filter(other => other.id !== chat.id)].slice(0, most);
  for (; all.length > 0; all.pop()) {
    try {
      localStorage.setItem(key, JSON.stringify(all));
      return true;
    } catch {
      // Full, or not allowed.
    }
  }
  return false;
}

export function forget(id) {
  try {
    const left = chats().filter(chat => chat.id !== id);
    if (id === undefined || left.length === 0) {
      localStorage.removeItem(key);
    } else {
      localStorage.setItem(key, JSON.stringify(left));
    }
  } catch {
    // What cannot be written was not kept either.
  }
}

// Another version of this page may have written something else.
const isChat = chat => typeof chat?.id === 'string' && Array.isArray(chat.turns) && chat.turns.every(turn => (turn.role === 'user'
  ? typeof turn.text === 'string'
  : turn.role === 'assistant' && Array.isArray(turn.columns) && turn.columns.length > 0 && turn.columns.every(isColumn)));

const isColumn = column => typeof column.model === 'string' && Array.isArray(column.versions) && column.versions.length > column.shown
  && column.versions.every(version => typeof version.text === 'string');

/** How a chat is called: the beginning of its first message. */
export const titleOf = chat => chat.turns.find(turn => turn.role === 'user')?.text.trim().slice(0, 60) || 'Empty chat';

// The chats of this browser, to open and to delete.
import { chats, forget, titleOf } from './history.js';
import { button } from './turns.js';
import { byId, element } from './view.js';

/** @param open opens one of them. */
export function listChats(open) {
  byId('chats').querySelector('ol').replaceChildren(...chats().map(kept => element('li', '', undefined,
    button(titleOf(kept), titleOf(kept), () => open(kept)),
    button('Delete', `Delete the chat: ${titleOf(kept)}`, () => {
      forget(kept.id);
      listChats(open);
      byId('open-chats').focus();
    }))));
  byId('no-chats').hidden = chats().length > 0;
}

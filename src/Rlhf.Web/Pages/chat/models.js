// Which models there are to ask.
import { call } from './server.js';
import { byId, element, fail } from './view.js';

/** Fills the two lists of models. Says whether opinions of answers are kept. */
export async function loadModels() {
  try {
    const models = (await (await call('/v1/models')).json()).data.filter(model => model.kind === 'language');
    const keepsFeedback = (await (await call('/v1/feedback')).json()).enabled;
    const none = element('option', '', 'none');
    none.value = '';
    byId('model').replaceChildren(...models.map(model => element('option', '', model.id)));
    byId('beside').replaceChildren(none, ...models.map(model => element('option', '', model.id)));
    fail(models.length > 0 ? '' : 'This server has no language model.');
    return keepsFeedback;
  } catch (error) {
    fail(error.message);
    return false;
  }
}

/** Whom a message goes to, and which model decides: agents of this node and of members, rules or a language model. */
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerName } from '../../parts/passage.js'
import { nameOfAgent } from '../../parts/tool-words.js'
import { Problem } from '../../parts/widgets.js'

const RULES = 'rules'
const CONFIGURED = ''

/** As the API takes it. @param {FormData} given */
export function spokenTo(given) {
  const [agent, node] = String(given.get('agent') || 'king').split('@')
  const model = String(given.get('model') ?? CONFIGURED)
  return {
    agent,
    ...(node !== undefined && { options: { node } }),
    // A member's agent has its own model.
    ...(node === undefined && model !== CONFIGURED && { model: model === RULES ? null : model }),
  }
}

export function Speakers({ state }) {
  const agents = useLive('/api/v1/agents', ['peer:connected', 'peer:disconnected'])
  const models = useLive('/api/v1/chat-models', ['model:added', 'model:removed'])
  const { agents: own = [], members = [], model } = agents.data ?? {}
  return html`<div class="form inline">
    <label>Agent<select name="agent">
      <optgroup label="This node">${own.map(({ name, description }) => html`<option key=${name} value=${name} title=${description}>${nameOfAgent(name)}</option>`)}</optgroup>
      ${members.map(
        ({ peer, agents: offered }) =>
          html`<optgroup key=${peer} label=${peerName(peer, state)}>${offered.map(
            ({ name, model: hasModel }) =>
              html`<option value=${`${name}@${peer}`}>${nameOfAgent(name)} at ${peerName(peer, state)}${hasModel ? ', with a language model' : ''}</option>`,
          )}</optgroup>`,
      )}
    </select></label>
    <label>Decided by<select name="model">
      <option value=${CONFIGURED}>${model === null || model === undefined ? 'rules (as configured)' : `${model} (as configured)`}</option>
      ${model === null || model === undefined ? null : html`<option value=${RULES}>rules</option>`}
      ${(models.data?.models ?? [])
        .filter(({ id }) => id !== model)
        .map(
          ({ id, place, isExperimental }) =>
            html`<option key=${id} value=${id}>${id}${place === 'remote' ? ', elsewhere' : ''}${isExperimental ? ' (not made to talk)' : ''}</option>`,
        )}
    </select></label>
    <${Problem} error=${agents.error ?? models.error} />
  </div>`
}

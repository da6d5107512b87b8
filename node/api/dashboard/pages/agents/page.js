/** The page of the agents: talk, what waits for approval, the Twin, what was decided and done, tools, keys and servers. */

import { useContext, useRef, useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { Shown, useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { nameOfAgent } from '../../parts/tool-words.js'
import { Section } from '../../parts/widgets.js'
import { Approval } from './approval.js'
import { Audit } from './audit.js'
import { Chat } from './chat.js'
import { Decisions } from './decisions.js'
import { Keys } from './keys.js'
import { Servers } from './servers.js'
import { Tools } from './tools.js'
import { Twin } from './twin.js'

const VIEWS = [
  { name: 'talk', title: 'Talk' },
  { name: 'approvals', title: 'Approvals' },
  { name: 'twin', title: 'Twin' },
  { name: 'decisions', title: 'Decisions' },
  { name: 'audit', title: 'Audit log' },
  { name: 'tools', title: 'Agents and tools' },
  { name: 'keys', title: 'Keys' },
  { name: 'servers', title: 'MCP servers' },
]

function Approvals({ waiting }) {
  return html`<${Section} id="approvals" title="Waiting for approval">
    <${Read} error=${waiting.error} rows=${waiting.data?.approvals} lines=${2} empty="Nothing waits for you. Calls that change something, and that you did not ask for in your own words, are shown here before they are made.">
      ${(approvals) =>
        approvals.map(
          ({ id, agent, tool, arguments: given, reason, expiresAtMs, asker }) =>
            html`<${Approval} key=${id} id=${id} tool=${tool} by=${`${nameOfAgent(agent)} (for ${asker.kind === 'owner' ? 'you' : `${asker.kind} ${asker.id}`})`} given=${given} reason=${reason} expiresAtMs=${expiresAtMs} onDecided=${waiting.reload} />`,
        )}
    <//>
  <//>`
}

function View({ name, part, waiting, onErased, state }) {
  if (name === 'approvals') return html`<${Approvals} waiting=${waiting} />`
  if (name === 'twin') return html`<${Twin} onErased=${onErased} />`
  if (name === 'decisions') return html`<${Decisions} state=${state} wanted=${part} />`
  if (name === 'audit') return html`<${Audit} key=${part} state=${state} request=${part} />`
  if (name === 'tools') return html`<${Tools} state=${state} />`
  if (name === 'keys') return html`<${Keys} />`
  return name === 'servers' ? html`<${Servers} />` : null
}

export function Page({ state, place }) {
  // While another page is looked at, this one has no place: what it showed goes on.
  const isShown = useContext(Shown)
  const kept = useRef(place)
  if (isShown) kept.current = place
  const [first, part] = kept.current
  const current = VIEWS.some(({ name }) => name === first) ? first : 'talk'
  // Erasing everything leaves nothing of what a conversation on the page shows.
  const [run, setRun] = useState(0)
  const waiting = useLive('/api/v1/approvals', ['agent:approval'])
  const count = waiting.data?.approvals.length ?? 0
  return html`<nav class="subviews" aria-label="Views of the agents">${VIEWS.map(
    ({ name, title }) =>
      html`<a href=${name === 'talk' ? placeOf('agents') : placeOf('agents', name)} aria-current=${current === name ? 'page' : undefined}>${title}${
        name === 'approvals' && count > 0
          ? html` <span class="badge">${count}<span class="hidden"> waiting</span></span>`
          : null
      }</a>`,
  )}</nav>
    <div hidden=${current !== 'talk'}><${Chat} key=${run} state=${state} wanted=${first === 'talk' ? (part ?? '') : undefined} waiting=${waiting.data?.approvals ?? []} isShown=${isShown && current === 'talk'} /></div>
    ${current === 'talk' ? null : html`<${View} name=${current} part=${part} state=${state} waiting=${waiting} onErased=${() => setRun((before) => before + 1)} />`}`
}

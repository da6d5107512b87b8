/** The agents, here and with members, and the tools that they may use. */
import { useState } from '../../lib/hooks.js'
import { capital, counted, duration } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerName } from '../../parts/passage.js'
import { nameOfAgent, wordsOfTool } from '../../parts/tool-words.js'
import { Empty, Loading, Problem, Section, Table } from '../../parts/widgets.js'

const AT_ONCE_MS = 50
const EFFECTS = {
  read: 'looks',
  change: 'changes something: asks first unless you asked for it',
  outside: 'leaves this node',
}

function Parameters({ parameters }) {
  const entries = Object.entries(parameters.properties ?? {})
  const required = new Set(parameters.required ?? [])
  if (entries.length === 0) return html`<p class="soft">It takes nothing.</p>`
  return html`<dl class="given">${entries.map(
    ([name, schema]) =>
      html`<dt><code>${name}</code>${required.has(name) ? '' : html` <span class="soft">(optional)</span>`}</dt><dd>${schema.description ?? schema.type ?? ''}</dd>`,
  )}</dl>`
}

function ToolTable({ tools }) {
  const [words, setWords] = useState('')
  const shown = tools.filter(({ name, description }) =>
    `${name} ${wordsOfTool(name) ?? ''} ${description}`.toLowerCase().includes(words.toLowerCase().trim()),
  )
  return html`<form class="form inline" role="search" onSubmit=${(event) => event.preventDefault()}>
      <label>Look for<input type="search" onInput=${(event) => setWords(event.currentTarget.value)} /></label></form>
    ${
      shown.length === 0
        ? html`<${Empty}>No tool fits.<//>`
        : html`<${Table} label="Tools" head=${['Tool', 'What it does', 'Effect', 'Needs', 'Usually takes']} rows=${shown.map(
            ({ name, description, effect, scope, cost, parameters }) => ({
              key: name,
              cells: [
                html`<span class="name">${capital(wordsOfTool(name) ?? '')} <small><code class="unbroken">${name}</code></small></span>`,
                html`<details class="why"><summary>${description}</summary><${Parameters} parameters=${parameters} /></details>`,
                html`<span class=${effect === 'read' ? '' : 'doubt'} title=${EFFECTS[effect]}>${effect}</span>`,
                scope,
                html`<span class="unbroken">${cost.latencyMs < AT_ONCE_MS ? 'at once' : duration(cost.latencyMs)}</span>`,
              ],
            }),
          )} />`
    }`
}

export function Tools({ state }) {
  const agents = useLive('/api/v1/agents', ['peer:connected', 'peer:disconnected'])
  const tools = useLive('/api/v1/tools')
  return html`<div class="stack">
    <${Section} id="agents" title="Agents">
      <${Problem} error=${agents.error} />
      ${
        agents.data === undefined
          ? html`<${Loading} lines=${3} />`
          : html`<p class="foot">${agents.data.model === null ? html`No language model is configured (<code>agents.model</code>): they decide by rules, and answer with sentences of your documents.` : `They decide with ${agents.data.model}.`}</p>
            <ul class="rows">${agents.data.agents.map(
              ({ name, description, tools: granted }) =>
                html`<li class="row" key=${name}><div class="row-main"><strong>${nameOfAgent(name)}</strong><span>${description}</span><span class="soft">${counted(granted.length, 'tool')}</span></div></li>`,
            )}
            ${agents.data.members.map(
              ({ peer, agents: offered }) =>
                html`<li class="row" key=${peer}><div class="row-main"><strong>${peerName(peer, state)}</strong><span class="soft">offers ${offered.map(({ name, model }) => `${nameOfAgent(name)} (${model ? 'with a language model' : 'by rules'})`).join(', ')}</span></div></li>`,
            )}</ul>
            ${agents.data.members.length === 0 ? html`<p class="foot">No member that is here offers an agent.</p>` : null}`
      }
    <//>
    <${Section} id="tools" title=${html`Tools${tools.data === undefined ? null : html` <span class="count">${tools.data.tools.length}</span>`}`}>
      <${Problem} error=${tools.error} />
      ${tools.data === undefined ? html`<${Loading} lines=${5} />` : html`<${ToolTable} tools=${tools.data.tools} />`}
    <//>
  </div>`
}

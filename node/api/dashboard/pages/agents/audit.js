/** The log of calls: who asked, what was called with which arguments, who allowed it, what came of it. */
import { useState } from '../../lib/hooks.js'
import { get, send } from '../../parts/connection.js'
import { bytes, duration, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerName } from '../../parts/passage.js'
import { placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { nameOfAgent, wordsOfTool } from '../../parts/tool-words.js'
import { Confirm, Problem, Section, Table } from '../../parts/widgets.js'
import { Given } from './given.js'

const PAGE = 50
const MOST = 1_000
const SINCE = [
  ['', 'Ever'],
  ['3600000', 'The last hour'],
  ['86400000', 'The last day'],
  ['604800000', 'The last week'],
]
const DECISIONS = {
  read: 'only looks',
  asked: 'you asked for it',
  named: 'called directly',
  approved: 'approved',
  denied: 'denied',
  expired: 'nobody decided',
  refused: 'refused',
}

function Row({ call, state }) {
  const { id, timeMs, request, agent, asker, tool, decision, by, outcome, code, ms, sizeBytes } = call
  const who =
    asker.kind === 'owner' ? 'you' : asker.kind === 'member' ? peerName(asker.id, state) : `key ${asker.id}`
  return {
    key: id,
    cells: [
      time(timeMs),
      `${who}${agent === null ? '' : `, ${nameOfAgent(agent)}`}`,
      html`<details class="why"><summary>${wordsOfTool(tool, call.arguments)} <code>${tool}</code></summary><div class="call-body"><${Given} given=${call.arguments} />
        <p class="foot">Request <a href=${placeOf('agents', 'audit', request)}><code>${request}</code></a>${sizeBytes === null ? '' : `; its result had ${bytes(sizeBytes)}`}</p></div></details>`,
      `${DECISIONS[decision] ?? decision}${by === null ? '' : ` by ${by}`}`,
      html`<span class=${outcome === 'failed' ? 'doubt' : ''}>${outcome}${code === null ? null : html` <code>${code}</code>`}</span>`,
      ms === null ? '–' : ms < 1000 ? `${Math.round(ms)} ms` : duration(ms),
    ],
  }
}

export function Audit({ state, request }) {
  const [limit, setLimit] = useState(PAGE)
  const [filter, setFilter] = useState({ tool: '', sinceMs: null })
  const tools = useLive('/api/v1/tools')
  const query = new URLSearchParams({ limit: String(limit) })
  if (request) query.set('request', request)
  if (filter.tool !== '') query.set('tool', filter.tool)
  if (filter.sinceMs !== null) query.set('sinceMs', String(filter.sinceMs))
  const read = useLive(`/api/v1/audit?${query}`, ['agent:request', 'agent:approval'])
  const calls = read.data?.calls
  const clear = async () => {
    await send('DELETE', '/api/v1/audit')
    await get('/api/v1/audit?limit=1')
    read.reload()
    return true
  }
  const since = (event) => {
    const back = event.currentTarget.value
    setFilter({ ...filter, sinceMs: back === '' ? null : Date.now() - Number(back) })
  }
  return html`<${Section} id="audit" title="Audit log" aside=${html`<${Confirm} label="Erase the log" question="Erase the log of calls?" explain="Every entry is overwritten. What agents did in the past can then not be looked up." verb="Erase it" action=${clear} />`}>
    <div class="form inline">
      <label>Tool<select onChange=${(event) => setFilter({ ...filter, tool: event.currentTarget.value })}>
        <option value="">All</option>${(tools.data?.tools ?? []).map(({ name }) => html`<option key=${name} value=${name}>${wordsOfTool(name) ?? name}</option>`)}</select></label>
      <label>Since<select onChange=${since}>${SINCE.map(([value, title]) => html`<option value=${value}>${title}</option>`)}</select></label>
      ${request ? html`<a class="button" href=${placeOf('agents', 'audit')}>All requests</a>` : null}
    </div>
    <${Problem} error=${tools.error} />
    <${Read} error=${read.error} rows=${calls} lines=${5} empty=${`No calls ${request || filter.tool || filter.sinceMs ? 'fit' : 'yet'}.`}>
      ${(rows) => html`<${Table} label="Calls of tools" head=${['When', 'For', 'Call', 'Allowed', 'Outcome', 'Took']} rows=${rows.map((call) => Row({ call, state }))} />`}
    <//>
    ${calls !== undefined && calls.length === limit && limit < MOST ? html`<button type="button" onClick=${() => setLimit(Math.min(MOST, limit * 2))}>Show more</button>` : null}
  <//>`
}

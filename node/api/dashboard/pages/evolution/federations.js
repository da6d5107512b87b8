/** Federations: models trained together on data that stay where they are. Own ones, and those that this node takes part in. */
import { send } from '../../parts/connection.js'
import { short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { modelNames } from '../../parts/model-names.js'
import { peerNames } from '../../parts/peer-names.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { Facts } from '../../parts/result.js'
import { Bar, Empty, Section, Table } from '../../parts/widgets.js'
import { RecipeBox } from './recipe-box.js'

export const FEDERATION_EVENTS = ['federation:changed']
const POLL_MS = 15_000

function Row({ federation, modelOf }) {
  const { id, config, state, round, isSimulated, createdAtMs, waiting, model } = federation
  const { spec } = config
  return html`<article class="job">
    <div class="job-head">
      <h3><a href=${placeOf('evolution', 'federations', id)}>${spec.name}</a></h3>
      <span class=${`state ${state}`}>${state}</span>
      <span class="soft">${spec.strategy}${isSimulated ? ', simulated' : ''}</span>
    </div>
    ${state === 'running' ? html`<${Bar} share=${round / spec.rounds} label=${`Rounds of ${spec.name}`} />` : null}
    <${Facts} rows=${[
      ['rounds', `${round} of ${spec.rounds}`],
      ['model', spec.model === null ? 'a small task of its own' : modelOf(spec.model)],
      ['data', spec.data === null ? 'virtual' : `“${spec.data}” of members`],
      ['begun', time(createdAtMs)],
      ...(model === null ? [] : [['result', html`<a href=${placeOf('models', model)}>${model}</a>`]]),
    ]} />
    ${waiting === null ? null : html`<p class="doubt">It waits for members that offer “${spec.data}”: ${waiting} of ${spec.clients.minimum} take part and are here.</p>`}
  </article>`
}

function Plan({ plan: { spec }, read }) {
  return html`<div class="plan">
    <h3>What it comes to</h3>
    <${Facts} rows=${[
      ['strategy', spec.strategy ?? 'fedavg'],
      ['rounds', spec.rounds ?? 'as many as usual'],
      ['model', spec.model ?? 'a small task of its own'],
      ['clients', read.simulate ? 'virtual, in this daemon' : `members that offer “${spec.data ?? '?'}”`],
      ['updates', spec.compression?.codec ?? 'as they are'],
    ]} />
    <p class="soft">${read.simulate ? 'A simulation: nobody else is asked.' : 'Members are asked; nobody takes part who has not offered these data by federate.data.'}</p>
  </div>`
}

const plan = async ({ document }) => ({ spec: document })
const start = async ({ document, simulate }) => {
  const { id } = await send('POST', '/api/v1/federations', { config: document, simulate })
  goTo('evolution', 'federations', id)
}

function Joined({ joined, nameOf }) {
  return html`<${Section} id="joined" title="What this node takes part in">
    <p class="soft">Members may train on the data that this node offers under <code>federate.data</code>, within <code>federate.roundsByDay</code> and the other limits of <a href=${placeOf('settings')}>the settings</a>. The data stay here; updates leave.</p>
    ${
      joined.length === 0
        ? html`<${Empty}>Nothing: nobody has asked, or this node offers no data.<//>`
        : html`<${Table} label="Federations of others" head=${['Name', 'Asked by', 'Last asked', 'Id']}
            rows=${joined.map(({ id, name, server, usedAtMs }) => ({ key: id, cells: [name, nameOf(server), time(usedAtMs), short(id)] }))} />`
    }
  <//>`
}

const PLACEHOLDER = `model: village-lm
data: notes
rounds: 10
clients: { minimum: 2, target: 4 }
local: { steps: 20 }`

export function Federations({ state }) {
  const { data, error } = useLive('/api/v1/federations', FEDERATION_EVENTS, { everyMs: POLL_MS })
  const list = [...(data?.federations ?? [])].reverse()
  return html`<${Section} id="federations" title=${html`Federations of this node ${data === undefined ? null : html`<span class="count">${list.length}</span>`}`}>
      <p class="soft">A model is trained on data that never leave the members that have them; only what was learned comes together.</p>
      <details class="submit">
        <summary>Begin a federation</summary>
        <${RecipeBox} kind="federation" state=${state} plan=${plan} Plan=${Plan} start=${start} verb="Begin" placeholder=${PLACEHOLDER} />
      </details>
      <${Read} error=${error} rows=${data === undefined ? undefined : list} empty="None yet.">
        ${(rows) => rows.map((federation) => html`<${Row} key=${federation.id} federation=${federation} modelOf=${modelNames(state.models)} />`)}
      <//>
    <//>
    ${data === undefined ? null : html`<${Joined} joined=${data.joined} nameOf=${peerNames(state)} />`}`
}

/** Merging models by a recipe: checked first, then a job that gives the same bytes everywhere. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import { Empty, Section, Table } from '../../parts/widgets.js'
import { RecipeBox } from './recipe-box.js'

const PLACEHOLDER = `merge_method: ties
base_model: village-lm
models:
  - model: village-lm-arithmetic
    parameters: { weight: 1, density: 0.6 }
  - model: village-lm-facts
    parameters: { weight: 1, density: 0.6 }`

function Plan({ read, state }) {
  const known = new Set((state.models ?? []).flatMap(({ id, cid }) => [id, cid]))
  const missing = read.models.filter((name) => !known.has(name) && !/[\\/]/.test(name))
  return html`<div class="plan">
    <h3>What it comes to</h3>
    <${Facts} rows=${[
      ['method', String(read.document.merge_method).replaceAll('_', ' ')],
      ['models', read.models.join(', ')],
      ['base', read.document.base_model ?? 'none'],
    ]} />
    ${missing.length === 0 ? null : html`<p class="doubt">Not among the models of this node: ${missing.join(', ')}. <a href=${placeOf('models')}>Add or fetch</a> ${missing.length === 1 ? 'it' : 'them'} first.</p>`}
  </div>`
}

export function Merge({ state }) {
  const [id, setId] = useState('')
  const start = async ({ document }) => {
    const job = await send('POST', '/api/v1/jobs', {
      kind: 'merge',
      params: { recipe: document, ...(id.trim() === '' ? {} : { id: id.trim() }) },
    })
    goTo('jobs', job.id)
  }
  const merges = (state.jobs ?? []).filter(({ kind }) => kind === 'merge').reverse()
  return html`<${Section} id="merge" title="Merge models">
      <p class="soft">One model of several, without training, by a recipe in the form of mergekit. The same recipe over the same models gives the same bytes everywhere.</p>
      <${RecipeBox} kind="merge" state=${state} plan=${async () => null} Plan=${Plan} start=${start} verb="Merge" placeholder=${PLACEHOLDER}>
        <label>Id of the new model (left empty: from the base and the method)<input value=${id} maxlength="64" autocomplete="off" onInput=${(event) => setId(event.currentTarget.value)} /></label>
      <//>
    <//>
    <${Section} id="merges" title="Merges of this node">
      ${
        merges.length === 0
          ? html`<${Empty}>None yet.<//>`
          : html`<${Table} label="Merges" head=${['When', 'State', 'Model', 'Job']}
              rows=${merges.slice(0, 20).map((job) => ({
                key: job.id,
                cells: [
                  time(job.createdAtMs),
                  html`<span class=${`state ${job.state}`}>${job.state}</span>`,
                  job.result?.id === undefined
                    ? '–'
                    : html`<a href=${placeOf('models', job.result.id)}>${job.result.id}</a>`,
                  html`<a href=${placeOf('jobs', job.id)}>${job.id}</a>`,
                ],
              }))} />`
      }
    <//>`
}

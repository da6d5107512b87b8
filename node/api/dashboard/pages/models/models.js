/** The models: how large, how small they became, and what that cost. */

import { useState } from '../../lib/hooks.js'
import { get, send } from '../../parts/connection.js'
import { bytes, count, figure, short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { compressionFacts, Facts } from '../../parts/result.js'
import {
  Bar,
  Confirm,
  Copy,
  Empty,
  Loading,
  Problem,
  Section,
  Table,
  useAction,
} from '../../parts/widgets.js'
import { Generate } from './generate.js'

/** Rows of a tensor table; the command line lists all. */
const SHOWN = 30

/** Models that come with the daemon, small ones first. */
const EMBEDDED = [
  { name: 'encoder', label: 'Add the embedded encoder' },
  { name: 'village-lm', label: 'Add village-lm' },
]

function AddForm({ open, refresh }) {
  const { busy, error, act } = useAction((body) => send('POST', '/api/v1/models', body))
  const pulling = useAction((body) =>
    send('POST', '/api/v1/pulls', body).then((pull) => refresh('pulls').then(() => pull)),
  )
  const submit = (name, run) => (event) => {
    event.preventDefault()
    run({ [name]: String(new FormData(event.currentTarget).get(name)).trim() })
  }
  return html`<details class="submit" open=${open}>
    <summary>Add a model</summary>
    <div class="form inline">
      ${EMBEDDED.map(
        ({ name, label }) =>
          html`<button type="button" class="primary" disabled=${busy} onClick=${() => act({ embedded: name })}>${busy ? 'Adding…' : label}</button>`,
      )}
    </div>
    <form class="form inline" onSubmit=${submit('path', act)}>
      <label>Or a path on the daemon’s machine<input name="path" required autocomplete="off" placeholder="/home/me/model" /></label>
      <button type="submit" disabled=${busy}>Add</button>
    </form>
    <${Problem} error=${error} />
    <form class="form inline" onSubmit=${submit('source', pulling.act)}>
      <label>Or a model of the hub<input name="source" required autocomplete="off" placeholder="OWNER/NAME, or village:ID" /></label>
      <button type="submit" disabled=${pulling.busy}>Pull</button>
    </form>
    <${Problem} error=${pulling.error} />
  </details>`
}

/** Models on their way in, and those that failed. */
function Pulls({ pulls, refresh }) {
  const open = pulls.filter(({ state }) => state !== 'done')
  return open.map(({ id, request, state, stage, doneBytes, totalBytes, error }) => {
    const size = totalBytes === 0 ? bytes(doneBytes) : `${bytes(doneBytes)} of ${bytes(totalBytes)}`
    return html`<article class="model" aria-labelledby=${`pull-${id}`} key=${id}>
      <div class="job-head">
        <h3 id=${`pull-${id}`}>${request.name}</h3>
        <small>${state === 'running' ? `${stage} ${size}` : `${state}, ${size}`}</small>
        <${Confirm} label=${state === 'failed' ? 'Remove' : 'Cancel'} verb=${state === 'failed' ? 'Remove' : 'Cancel'} question=${`${state === 'failed' ? 'Remove' : 'Cancel'} the pull of ${request.name}?`} explain="What it has fetched is removed."
          action=${() => send('DELETE', `/api/v1/pulls/${encodeURIComponent(id)}`).then((done) => refresh('pulls').then(() => done))} />
      </div>
      <${Bar} share=${totalBytes === 0 ? 0 : doneBytes / totalBytes} label=${`Progress of the pull of ${request.name}`} tone=${state} />
      <${Problem} error=${error} />
    </article>`
  })
}

function Tensors({ id }) {
  const [tensors, setTensors] = useState(null)
  const { busy, error, act } = useAction(() => get(`/api/v1/models/${encodeURIComponent(id)}`))
  const load = async (event) => {
    if (!event.currentTarget.open || tensors !== null) return
    const answer = await act()
    if (answer !== undefined) setTensors(answer.details.tensors ?? [])
  }
  const largest = [...(tensors ?? [])].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, SHOWN)
  return html`<details onToggle=${load}>
    <summary>Tensors</summary>
    ${busy ? html`<${Loading} lines=${3} />` : null}<${Problem} error=${error} />
    ${
      tensors === null
        ? null
        : html`<${Table} label=${`Tensors of ${id}`} head=${['Tensor', 'Shape', 'Type', 'Size']}
          rows=${largest.map(({ name, dims, type, sizeBytes }) => ({
            key: name,
            cells: [html`<span class="name">${name}</span>`, dims.join(' × '), type, bytes(sizeBytes)],
          }))} />`
    }
    ${tensors !== null && tensors.length > largest.length ? html`<p class="foot">and ${tensors.length - largest.length} smaller ones</p>` : null}
  </details>`
}

/** What became of each weight, as measured when it was compressed. */
function Report({ model }) {
  return html`<details>
    <summary>Compression report</summary>
    <${Table} label=${`Compressed weights of ${model.id}`} head=${['Weight', 'Weights', 'Bits', 'Error', 'Runs as']}
      rows=${model.report.tensors.map((row) => ({
        key: row.name,
        cells: [
          html`<span class="name">${row.name}</span>`,
          count(row.weights),
          figure(row.bitsPerWeight),
          figure(row.relativeError),
          row.runtime,
        ],
      }))} />
  </details>`
}

function Model({ model, refresh }) {
  const totals = model.report?.totals
  const facts = [
    ['size', bytes(model.sizeBytes)],
    ['parameters', count(model.parameters)],
    ...(totals === undefined ? [] : compressionFacts(totals)),
  ]
  return html`<article class="model" aria-labelledby=${`model-${model.id}`}>
    <div class="job-head">
      <h3 id=${`model-${model.id}`}>${model.id}</h3>
      <small>${model.kind}${model.parent === null ? '' : ` from ${model.parent}`}${model.shared ? ' · shared' : ''} · <${Copy} text=${model.cid} label=${`the CID of ${model.id}`}>${short(model.cid)}<//></small>
      <${Confirm} label="Remove" verb="Remove" question=${`Remove ${model.id}?`} explain="Its artifact is collected when nothing else needs it."
        action=${() => send('DELETE', `/api/v1/models/${encodeURIComponent(model.id)}`).then((done) => refresh('models').then(() => done))} />
    </div>
    <${Facts} rows=${facts} />
    ${model.doubt === null ? null : html`<p class="doubt">Doubtful: the job that made it rests on the word of members that were caught lying since. Make it again.</p>`}
    ${totals === undefined ? null : html`<${Report} model=${model} />`}
    ${model.kind === 'language' ? html`<${Generate} id=${model.id} />` : null}
    <${Tensors} id=${model.id} />
  </article>`
}

export function Models({ state, refresh }) {
  const { models, pulls } = state
  return html`<${Section} id="models" title=${html`Models ${models === undefined ? null : html`<span class="count">${models.length}</span>`}`}>
    ${models === undefined ? null : html`<${AddForm} open=${models.length === 0} refresh=${refresh} />`}
    ${pulls === undefined ? null : html`<${Pulls} pulls=${pulls} refresh=${refresh} />`}
    ${
      models === undefined
        ? html`<${Loading} lines=${3} />`
        : models.length === 0
          ? html`<${Empty}>No models yet. The embedded encoder is a good first one: it needs no download.<//>`
          : models.map((model) => html`<${Model} key=${model.id} model=${model} refresh=${refresh} />`)
    }
  <//>`
}

/** What a job reads and what it wrote: models and artifacts by name, with ways to them. */
import { bytes, short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Copy } from '../../parts/widgets.js'

const modelLink = (id) => html`<a href=${placeOf('models', id)}>${id}</a>`

function artifactRow(artifact) {
  return html`${artifact.name ?? '(no name)'} <small>${bytes(artifact.sizeBytes)}</small>
    <${Copy} text=${artifact.cid} label="the CID">${short(artifact.cid)}<//>`
}

/** Paths and ids of what was asked for. */
function inputsOf({ params }, models) {
  const ids = [...(Array.isArray(params.models) ? params.models : []), params.model, params.replay]
  const named = ids.filter((id) => typeof id === 'string')
  const merged =
    params.models !== null && typeof params.models === 'object' && !Array.isArray(params.models)
      ? Object.values(params.models).map(({ id, directory }) => id ?? directory)
      : []
  const files = [
    ...(Array.isArray(params.data) ? params.data : []),
    ...(typeof params.data === 'string' ? [params.data] : []),
  ]
  return [
    ...[...named, ...merged.filter(Boolean)].map((id) =>
      models?.some((model) => model.id === id) ? modelLink(id) : id,
    ),
    ...files.map((file) => html`<code>${file}</code>`),
    ...Object.entries(params.files ?? {}).map(
      ([name, cid]) => html`${name} <${Copy} text=${cid} label="the CID">${short(cid)}<//>`,
    ),
  ]
}

export function JobFiles({ job, state }) {
  const inputs = inputsOf(job, state.models)
  // What a job made stays pinned under its name until it is removed.
  const held = useLive(
    job.state === 'running' ? null : `/api/v1/artifacts?${new URLSearchParams({ pin: `job:${job.id}` })}`,
    ['artifact:removed'],
  )
  const kept = held.data?.artifacts ?? []
  const made = typeof job.result?.id === 'string' ? job.result.id : null
  const isThere = state.models?.some((model) => model.id === made)
  return html`<div class="two files">
    <div><h3>Reads</h3>${inputs.length === 0 ? html`<p class="empty">Nothing of this node.</p>` : html`<ul>${inputs.map((one) => html`<li>${one}</li>`)}</ul>`}</div>
    <div><h3>Writes</h3>
      ${made === null && kept.length === 0 ? html`<p class="empty">${job.state === 'running' ? 'Nothing yet.' : 'Nothing is kept of it.'}</p>` : null}
      <ul>
        ${made === null ? null : html`<li>model ${isThere ? modelLink(made) : html`${made} <small>(removed since)</small>`}</li>`}
        ${kept.map((artifact) => html`<li key=${artifact.cid}>${artifactRow(artifact)}</li>`)}
      </ul></div>
  </div>`
}

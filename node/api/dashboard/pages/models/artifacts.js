/** The artifacts that this node holds. */

import { useRef } from '../../lib/hooks.js'
import { download, send } from '../../parts/connection.js'
import { bytes, short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Confirm, Copy, Empty, Loading, Problem, Section, Table, useAction } from '../../parts/widgets.js'

const SHOWN = 30

/** Outputs of tasks and what a worker fetched for one: they come and go by themselves and have no name. */
const isPassing = (artifact) =>
  artifact.name === null && artifact.pins.every((pin) => /^(job:.*:tasks|work:.*)$/.test(pin))

/** What the table leaves out, on a line that is always there. */
function rest(listed, all) {
  const parts = [
    listed > SHOWN ? `${listed - SHOWN} older ones` : null,
    all > listed ? `${all - listed} of jobs that run or ran` : null,
  ].filter((part) => part !== null)
  return parts.length === 0 ? 'The same on the command line:' : `and ${parts.join(' and ')}:`
}

function Upload() {
  const input = useRef(null)
  const { busy, error, act } = useAction((file) =>
    send('POST', `/api/v1/artifacts?${new URLSearchParams({ name: file.name, pin: 'user' })}`, file),
  )
  const change = async (event) => {
    const file = event.currentTarget.files?.[0]
    if (file !== undefined) await act(file)
    if (input.current !== null) input.current.value = ''
  }
  return html`<label class="button">${busy ? 'Storing…' : 'Add a file'}<input ref=${input} type="file" class="hidden" disabled=${busy} onChange=${change} /></label>
    <${Problem} error=${error} />`
}

export function ArtifactList({ state, refresh }) {
  const { artifacts } = state
  const { error, act } = useAction((artifact) =>
    artifact.kind === 'file'
      ? download(`/api/v1/artifacts/${artifact.cid}/content`, artifact.name ?? artifact.cid)
      : download(`/api/v1/artifacts/export?cids=${artifact.cid}`, `${artifact.name ?? artifact.cid}.car`),
  )
  const all = artifacts?.artifacts ?? []
  const list = all.filter((artifact) => !isPassing(artifact)).sort((a, b) => b.addedAtMs - a.addedAtMs)
  return html`<${Section} id="artifacts" title=${html`Artifacts ${artifacts === undefined ? null : html`<span class="count">${all.length}</span>`}`} aside=${html`<${Upload} />`}>
    <${Problem} error=${error} />
    ${
      artifacts === undefined
        ? html`<${Loading} lines=${3} />`
        : list.length === 0
          ? html`<${Empty}>Nothing is stored yet.<//>`
          : html`<${Table} label="Artifacts" head=${['Name', 'Size', 'Pins', 'CID', '']}
            rows=${list.slice(0, SHOWN).map((artifact) => ({
              key: artifact.cid,
              cells: [
                html`<span class="name">${artifact.name ?? '(no name)'}${artifact.kind === 'directory' ? '/' : ''}</span>`,
                `${bytes(artifact.sizeBytes)}${artifact.complete ? '' : ', partial'}`,
                artifact.pins.join(', ') || 'none',
                html`<${Copy} text=${artifact.cid} label="the CID">${short(artifact.cid)}<//>`,
                html`<span class="cell-actions">
                  <button type="button" class="quiet" disabled=${!artifact.complete} onClick=${() => act(artifact)}>Save</button>
                  <${Confirm} label="Remove" verb="Remove" question="Remove this artifact from this node?" explain="One that a model or a job needs is not removed."
                    action=${() => send('DELETE', `/api/v1/artifacts/${artifact.cid}`).then((done) => refresh('artifacts').then(() => done))} />
                </span>`,
              ],
            }))} />`
    }
    ${artifacts === undefined ? null : html`<p class="foot">${rest(list.length, all.length)} <code>village artifact list</code></p>`}
  <//>`
}

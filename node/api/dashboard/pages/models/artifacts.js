/** The artifacts that this node holds: what they are, who needs them, and the room that they take. */
import { useRef, useState } from '../../lib/hooks.js'
import { download, send } from '../../parts/connection.js'
import { DataTable } from '../../parts/data-table.js'
import { bytes, count, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import { Bar, Confirm, Copy, Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'

/** What a person pins has this name. */
const USER_PIN = 'user'
/** What was sent and received has no events. */
const POLL_MS = 10_000

/** Outputs of tasks and what a worker fetched for one: they come and go by themselves and have no name. */
const isPassing = (artifact) =>
  artifact.name === null && artifact.pins.every((pin) => /^(job:.*:tasks|work:.*)$/.test(pin))

/** Pins as ways to what needs the artifact. */
function Pin({ pin }) {
  const [, kind, id] = /^(model|job):([^:]+)$/.exec(pin) ?? []
  if (kind === 'model') return html`model <a href=${placeOf('models', id)}>${id}</a>`
  if (kind === 'job') return html`job <a href=${placeOf('jobs', id)}>${id}</a>`
  return pin === USER_PIN ? 'you' : pin
}

function Upload({ reload }) {
  const input = useRef(null)
  const { busy, error, act } = useAction((file) =>
    send('POST', `/api/v1/artifacts?${new URLSearchParams({ name: file.name, pin: USER_PIN })}`, file),
  )
  const change = async (event) => {
    const file = event.currentTarget.files?.[0]
    if (file !== undefined && (await act(file)) !== undefined) reload()
    if (input.current !== null) input.current.value = ''
  }
  return html`<label class="button">${busy ? 'Storing…' : 'Add a file'}<input ref=${input} type="file" class="hidden" disabled=${busy} onChange=${change} /></label>
    <${Problem} error=${error} />`
}

function Space({ artifacts, reload }) {
  const { usage, artifacts: all } = artifacts
  const [freed, setFreed] = useState(null)
  const { busy, error, act } = useAction(() =>
    send('POST', '/api/v1/artifacts/gc').then((done) => {
      setFreed(done)
      reload()
    }),
  )
  const loose = all.filter(({ pins }) => pins.length === 0).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return html`<div class="space">
    <${Bar} share=${usage.sizeBytes / usage.maxBytes} label="Room that the artifacts take" />
    <${Facts} rows=${[
      ['take', `${bytes(usage.sizeBytes)} of ${bytes(usage.maxBytes)}`],
      ['nobody needs', bytes(loose)],
      ['sent', bytes(usage.sentBytes)],
      ['received', bytes(usage.receivedBytes)],
    ]} />
    <p><button type="button" disabled=${busy} onClick=${() => act()}>${busy ? 'Collecting…' : 'Free what nobody needs'}</button>
      ${freed === null ? null : html` <span role="status">${bytes(freed.freedBytes)} freed.</span>`}</p>
    <${Problem} error=${error} />
  </div>`
}

function RowActions({ artifact, act, reload }) {
  const { cid, pins, complete } = artifact
  const isKept = pins.includes(USER_PIN)
  const pinning = useAction(() =>
    send(isKept ? 'DELETE' : 'PUT', `/api/v1/artifacts/${cid}/pins/${USER_PIN}`).then(reload),
  )
  return html`<span class="cell-actions">
      <button type="button" class="quiet" disabled=${pinning.busy} aria-pressed=${isKept} onClick=${() => pinning.act()}>${isKept ? 'Let go' : 'Keep'}</button>
      <button type="button" class="quiet" disabled=${!complete} onClick=${() => act(artifact)}>Save</button>
      <${Confirm} label="Remove" verb="Remove" question="Remove this artifact from this node?" explain="One that a model or a job needs is not removed."
        action=${() =>
          send('DELETE', `/api/v1/artifacts/${cid}`).then((done) => {
            reload()
            return done
          })} />
    </span><${Problem} error=${pinning.error} />`
}

const COLUMNS = (act, reload) => [
  {
    title: 'Name',
    value: ({ name }) => name,
    cell: ({ name, kind }) =>
      html`<span class="name">${name ?? '(no name)'}${kind === 'directory' ? '/' : ''}</span>`,
  },
  {
    title: 'Size',
    value: ({ sizeBytes }) => sizeBytes,
    numeric: true,
    cell: ({ complete }, value) => `${bytes(value)}${complete ? '' : ', partial'}`,
  },
  {
    title: 'Needed by',
    value: ({ pins }) => pins.join(', '),
    cell: ({ pins }) =>
      pins.length === 0
        ? 'nobody'
        : pins.map((pin, index) => html`${index === 0 ? '' : ', '}<${Pin} pin=${pin} />`),
  },
  { title: 'Added', value: ({ addedAtMs }) => addedAtMs, numeric: true, cell: (_, value) => time(value) },
  {
    title: 'CID',
    value: ({ cid }) => cid,
    cell: (_, cid) => html`<${Copy} text=${cid} label="the CID">${short(cid)}<//>`,
  },
  {
    title: '',
    value: () => '',
    cell: (artifact) => html`<${RowActions} artifact=${artifact} act=${act} reload=${reload} />`,
  },
]

export function ArtifactList() {
  const {
    data: artifacts,
    error: unread,
    reload,
  } = useLive('/api/v1/artifacts?limit=10000', ['artifact:added', 'artifact:removed'], { everyMs: POLL_MS })
  const [withPassing, setWithPassing] = useState(false)
  const { error, act } = useAction((artifact) =>
    artifact.kind === 'file'
      ? download(`/api/v1/artifacts/${artifact.cid}/content`, artifact.name ?? artifact.cid)
      : download(`/api/v1/artifacts/export?cids=${artifact.cid}`, `${artifact.name ?? artifact.cid}.car`),
  )
  const all = artifacts?.artifacts ?? []
  const list = withPassing ? all : all.filter((artifact) => !isPassing(artifact))
  const passing = all.length - all.filter((artifact) => !isPassing(artifact)).length
  return html`<${Section} id="artifacts" title=${html`<a class="up" href="#models">Models</a> Artifacts ${artifacts === undefined ? null : html`<span class="count">${count(all.length)}</span>`}`} aside=${html`<${Upload} reload=${reload} />`}>
    <${Problem} error=${error} /><${Problem} error=${unread} />
    ${
      artifacts === undefined
        ? html`<${Loading} lines=${5} />`
        : html`<${Space} artifacts=${artifacts} reload=${reload} />
          ${passing === 0 ? null : html`<label class="check"><input type="checkbox" checked=${withPassing} onChange=${(event) => setWithPassing(event.currentTarget.checked)} /> Also the ${count(passing)} of jobs that run or ran</label>`}
          ${
            list.length === 0
              ? html`<${Empty}>Nothing is stored yet.<//>`
              : html`<${DataTable} label="Artifacts" noun="artifact" rows=${list} keyOf=${({ cid }) => cid} columns=${COLUMNS(act, reload)}
                  search=${({ name, cid, pins }) => `${name ?? ''} ${cid} ${pins.join(' ')}`} sort=${[3, 'descending']} />`
          }
          <p class="foot">The same on the command line: <code>village artifact list</code></p>`
    }
  <//>`
}

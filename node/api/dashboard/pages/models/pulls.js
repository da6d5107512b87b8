/** Models on their way in, and those that failed. */
import { send } from '../../parts/connection.js'
import { bytes } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Bar, Confirm, Problem, useAction } from '../../parts/widgets.js'

const WORDS = { running: 'Cancel', failed: 'Remove', interrupted: 'Remove' }

function Pull({ pull, refresh }) {
  const { id, request, state, stage, doneBytes, totalBytes, error } = pull
  const again = useAction(() => {
    const { kind, name, revision, hub, file, include, weightsOnly, adapters, id: wanted } = request
    const source = kind === 'village' ? `village:${name}` : `${name}${revision ? `@${revision}` : ''}`
    const given = {
      ...(file === null ? {} : { file }),
      ...(include.length > 0 ? { include } : {}),
      ...(wanted === null ? {} : { id: wanted }),
    }
    const place = kind === 'hub' && hub ? { hub } : {}
    return send('POST', '/api/v1/pulls', { source, weightsOnly, adapters, ...given, ...place }).then((made) =>
      refresh('pulls').then(() => made),
    )
  })
  const size = totalBytes === 0 ? bytes(doneBytes) : `${bytes(doneBytes)} of ${bytes(totalBytes)}`
  const word = WORDS[state] ?? 'Remove'
  return html`<article class="model" aria-labelledby=${`pull-${id}`}>
    <div class="job-head">
      <h3 id=${`pull-${id}`}>${request.name}</h3>
      <small>${state === 'running' ? `${stage} ${size}` : `${state}, ${size}`}</small>
      <span class="job-actions">
        ${state === 'running' ? null : html`<button type="button" disabled=${again.busy} onClick=${() => again.act()}>Go on</button>`}
        <${Confirm} label=${word} verb=${word} question=${`${word} the pull of ${request.name}?`} explain="What it has fetched is removed."
          action=${() => send('DELETE', `/api/v1/pulls/${encodeURIComponent(id)}`).then((done) => refresh('pulls').then(() => done))} />
      </span>
    </div>
    <${Bar} share=${totalBytes === 0 ? 0 : doneBytes / totalBytes} label=${`Progress of the pull of ${request.name}`} tone=${state} />
    <${Problem} error=${error} /><${Problem} error=${again.error} />
  </article>`
}

export function Pulls({ pulls, refresh }) {
  const open = pulls.filter(({ state }) => state !== 'done')
  return open.map((pull) => html`<${Pull} key=${pull.id} pull=${pull} refresh=${refresh} />`)
}

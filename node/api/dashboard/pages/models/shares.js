/** Models that members of the village share, to be pulled. */
import { send } from '../../parts/connection.js'
import { bytes, count } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerNames } from '../../parts/peer-names.js'
import { Empty, Loading, Problem, Section, Table, useAction } from '../../parts/widgets.js'

export function Shares({ state, refresh }) {
  const isInside = state.status?.village != null
  const { data, error, loading } = useLive(isInside ? '/api/v1/shares' : null, [
    'shares:changed',
    'peer:connected',
    'peer:disconnected',
  ])
  const pulling = useAction((cid) =>
    send('POST', '/api/v1/pulls', { source: `village:${cid}` }).then((pull) =>
      refresh('pulls').then(() => pull),
    ),
  )
  if (!isInside) return null
  const names = peerNames(state)
  const here = new Set((state.models ?? []).map(({ cid }) => cid))
  const coming = new Set(
    (state.pulls ?? []).filter((pull) => pull.state === 'running').map(({ request }) => request.name),
  )
  return html`<${Section} id="shares" title="Shared by members">
    <${Problem} error=${error} /><${Problem} error=${pulling.error} />
    ${loading ? html`<${Loading} lines=${2} />` : null}
    ${
      data === undefined
        ? null
        : data.models.length === 0
          ? html`<${Empty}>Nobody shares a model now. Share one of yours on its page.<//>`
          : html`<${Table} label="Models that members share" head=${['Model', 'Kind', 'Parameters', 'Size', 'Who', '']}
              rows=${data.models.map(({ id, name, kind, cid, parameters, sizeBytes, peers }) => ({
                key: `${cid} ${id}`,
                cells: [
                  html`<span class="name">${id}${name === id ? null : html` <small>${name}</small>`}</span>`,
                  kind,
                  count(parameters),
                  bytes(sizeBytes),
                  peers.map(names).join(', '),
                  here.has(cid)
                    ? 'here'
                    : html`<button type="button" disabled=${pulling.busy || coming.has(cid)} onClick=${() => pulling.act(cid)} aria-label=${`Pull ${id}`}>Pull</button>`,
                ],
              }))} />`
    }
  <//>`
}

/** One measurement of geometry: of models, of a training, or of a run. */
import { useEffect, useState } from '../../lib/hooks.js'
import { getText } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Bar, Empty, Loading, Problem, Section } from '../../parts/widgets.js'
import { GeometryCharts } from './geometry-charts.js'
import { HistoryCharts, looksOf } from './history-charts.js'

/** The lines of a history are an artifact of the job. */
function History({ cid }) {
  const [looks, setLooks] = useState(null)
  const [error, setError] = useState(null)
  useEffect(() => {
    const stopping = new AbortController()
    const { signal } = stopping
    getText(`/api/v1/artifacts/${encodeURIComponent(cid)}/content`, { signal })
      .then(looksOf)
      .then(
        (found) => !signal.aborted && setLooks(found),
        (thrown) => !signal.aborted && setError(thrown),
      )
    return () => stopping.abort()
  }, [cid])
  if (error !== null) return html`<${Problem} error=${error} />`
  if (looks === null) return html`<${Loading} lines=${4} />`
  return looks.length === 0
    ? html`<${Empty}>Nothing was looked at.<//>`
    : html`<${HistoryCharts} looks=${looks} />`
}

const titleOf = ({ kind, params, result }) => {
  if (kind === 'geometry') return `Geometry of ${(params.models ?? []).join(', ')}`
  const of = result?.id ?? result?.name ?? params.model ?? ''
  return kind === 'train'
    ? `Geometry of ${of} through its training`
    : `Geometry of ${of} through its evolution`
}

function Measured({ job }) {
  const { kind, result } = job
  if (kind === 'geometry' && Array.isArray(result?.models))
    return html`<${GeometryCharts} result=${result} />`
  return typeof result?.geometry === 'string'
    ? html`<${History} cid=${result.geometry} />`
    : html`<${Empty}>This job has measured no geometry.<//>`
}

export function GeometryResult({ id }) {
  const {
    data: job,
    error,
    loading,
  } = useLive(`/api/v1/jobs/${encodeURIComponent(id)}`, ['job:changed'], {
    only: (event) => event.job === id,
  })
  const trail = html`<nav class="trail" aria-label="Where this is">
    <a href=${placeOf('evolution', 'geometry')}>Geometry</a><span aria-hidden="true">›</span><span aria-current="page">${id}</span></nav>`
  if (job === undefined)
    return html`${trail}<${Problem} error=${error} />${loading ? html`<${Loading} lines=${5} />` : null}`
  return html`${trail}
    <${Section} id="measurement" title=${titleOf(job)} aside=${html`<span class=${`state ${job.state}`}>${job.state}</span>`}>
      <p class="soft">Begun ${time(job.createdAtMs)}; <a href=${placeOf('jobs', job.id)}>the job</a>.</p>
      ${job.state === 'running' ? html`<${Bar} share=${job.total === 0 ? 0 : job.done / job.total} label="Measured so far" /><p class="soft" role="status">${job.done} of ${job.total} parts are measured.</p>` : null}
      <${Problem} error=${job.error} />
    <//>
    <${Problem} error=${error} />
    ${job.state === 'done' ? html`<${Measured} job=${job} />` : null}`
}

/** What goes on now, of any kind: jobs, runs of evolution, federations, indexing, pulls. */
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Bar, Empty, Loading, Section } from '../../parts/widgets.js'
import { RunningJobs } from '../jobs/running.js'

const MAX_ROWS = 5
const isLive = ({ state }) => state === 'running' || state === 'waiting'

function Line({ href, title, side, share }) {
  return html`<li class="job-line">
    <a href=${href}>${title}</a><small class="job-line-side">${side}</small>
    <${Bar} share=${share} label=${`Progress of ${title}`} />
  </li>`
}

function Group({ title, lines }) {
  if (lines.length === 0) return null
  return html`<h3>${title}</h3>
    <ul class="job-lines">${lines.slice(0, MAX_ROWS)}</ul>
    ${lines.length > MAX_ROWS ? html`<p class="foot">and ${lines.length - MAX_ROWS} more</p>` : null}`
}

/** Nobody knows yet what goes on. */
const Unknown = () =>
  html`<${Section} id="now" title="Now" aside=${html`<a href="#jobs">All jobs</a>`}><${Loading} lines=${2} /><//>`

/** What it reads by itself waits for what the whole page reads. */
export const Now = ({ state }) =>
  state.jobs === undefined ? html`<${Unknown} />` : html`<${Known} state=${state} />`

function Known({ state }) {
  const runs = useLive('/api/v1/runs', ['round:changed', 'round:published']).data?.runs ?? []
  const federations = useLive('/api/v1/federations', ['federation:changed']).data?.federations ?? []
  const indexing = useLive('/api/v1/index-runs', ['index:changed']).data?.runs ?? []
  const jobs = (state.jobs ?? []).filter((job) => job.state === 'running')
  const lines = {
    Evolution: runs
      .filter(({ endedAtMs, isPaused }) => endedAtMs === null && !isPaused)
      .map(
        ({ run, name, generation, generations, phase }) =>
          html`<${Line} key=${run} href=${placeOf('evolution', 'runs', run)} title=${name} share=${generation / Math.max(1, generations)}
            side=${`${phase}, generation ${generation} of ${generations}`} />`,
      ),
    Federations: federations.filter(isLive).map(
      ({ id, config, round, waiting }) =>
        html`<${Line} key=${id} href=${placeOf('evolution', 'federations', id)} title=${config.name ?? id} share=${round / Math.max(1, config.spec?.rounds ?? 1)}
            side=${waiting === null ? `round ${round}${config.spec === undefined ? '' : ` of ${config.spec.rounds}`}` : 'waits for members'} />`,
    ),
    Indexing: indexing.filter(isLive).map(
      ({ id, name, doneFiles, files, state: at }) =>
        html`<${Line} key=${id} href=${placeOf('knowledge', name)} title=${name} share=${doneFiles / Math.max(1, files)}
            side=${at === 'waiting' ? 'waits' : `${doneFiles} of ${counted(files, 'file')}`} />`,
    ),
    Pulls: (state.pulls ?? [])
      .filter(isLive)
      .map(
        ({ id, request, stage, doneBytes, totalBytes }) =>
          html`<${Line} key=${id} href="#models" title=${request.name} share=${doneBytes / Math.max(1, totalBytes)} side=${stage} />`,
      ),
  }
  const isQuiet = jobs.length === 0 && Object.values(lines).every((group) => group.length === 0)
  return html`<${Section} id="now" title="Now" aside=${html`<a href="#jobs">All jobs</a>`}>
    ${
      isQuiet
        ? html`<${Empty}>Nothing is running on this node. <a href="#jobs/new">Start a job</a><//>`
        : html`${jobs.length === 0 ? null : html`<h3>Jobs</h3><${RunningJobs} state=${state} />`}
          ${Object.entries(lines).map(([title, group]) => html`<${Group} key=${title} title=${title} lines=${group} />`)}`
    }
  <//>`
}

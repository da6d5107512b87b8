/** All jobs: those that run as they move, the others a row each. */
import { useState } from '../../lib/hooks.js'
import { DataTable } from '../../parts/data-table.js'
import { count, counted, duration, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Bar, Empty, Loading, Problem, Section } from '../../parts/widgets.js'
import { beginningOf, codecWords, shareOf, titleOf } from './job-words.js'

const STATES = ['running', 'done', 'failed', 'cancelled']
/** More than a node keeps. */
const PATH = '/api/v1/jobs?limit=2000&results=false'

const endOf = (job) => job.finishedAtMs ?? null

const COLUMNS = (tasks) => [
  {
    title: 'Job',
    value: titleOf,
    cell: (job, title) => html`<span class="name"><a href=${placeOf('jobs', job.id)}>${title}</a>
      <small> ${codecWords(job.params)} <code>${job.id}</code></small></span>`,
  },
  {
    title: 'State',
    value: (job) => job.state,
    cell: (job) =>
      html`<span class=${`state ${job.state}`}>${job.state}</span>${job.doubt === null ? null : html` <span class="state doubted">doubted</span>`}`,
  },
  {
    title: 'Tasks',
    value: (job) => job.total,
    numeric: true,
    cell: (job) =>
      beginningOf(job) !== null
        ? beginningOf(job)
        : job.state === 'running'
          ? html`<span class="job-cell"><${Bar} share=${shareOf(job, tasks[job.id])} label=${`Progress of ${titleOf(job)}`} /> ${count(job.done)} of ${count(job.total)}</span>`
          : job.state === 'done'
            ? count(job.total)
            : `${count(job.done)} of ${count(job.total)}`,
  },
  {
    title: 'Machines',
    value: (job) => Object.keys(job.shares).length,
    numeric: true,
  },
  { title: 'Begun', value: (job) => job.createdAtMs, numeric: true, cell: (_, value) => time(value) },
  {
    title: 'Took',
    value: (job) => (endOf(job) === null ? null : endOf(job) - job.createdAtMs),
    numeric: true,
    cell: (_, value) => (value === null ? '…' : duration(value)),
  },
]

export function JobList({ state }) {
  const { data, error, loading } = useLive(PATH, ['job:changed', 'job:doubted'])
  const [wanted, setWanted] = useState('all')
  const live = new Map((state.jobs ?? []).map((job) => [job.id, job]))
  // Progress is applied to the store's jobs event by event.
  const jobs = data?.jobs.map((job) =>
    job.state === 'running' ? { ...job, ...brief(live.get(job.id)) } : job,
  )
  const amount = (name) => jobs.filter((job) => job.state === name).length
  const shown = wanted === 'all' ? jobs : jobs?.filter((job) => job.state === wanted)
  return html`<${Section} id="jobs" title=${data === undefined ? 'Jobs' : counted(data.total, 'job')}
    aside=${html`<a class="button primary" href=${placeOf('jobs', 'new')}>New job</a>`}>
    <${Problem} error=${error} />
    ${
      loading
        ? html`<${Loading} lines=${6} />`
        : jobs === undefined
          ? null
          : jobs.length === 0
            ? html`<${Empty}>No jobs yet. A job compresses, evaluates or trains a model with the machines of the village.
                ${state.models?.length ? null : html` <a href="#models/~add">Add a model first.</a>`}<//>`
            : html`<div class="tabs filter" role="group" aria-label="Which jobs">
                ${['all', ...STATES].map(
                  (name) =>
                    html`<button type="button" aria-pressed=${name === wanted} onClick=${() => setWanted(name)}>${name[0].toUpperCase() + name.slice(1)} <span class="count">${name === 'all' ? jobs.length : amount(name)}</span></button>`,
                )}
              </div>
              <${DataTable} key=${wanted} label="Jobs" noun="job" rows=${shown} keyOf=${(job) => job.id} columns=${COLUMNS(state.tasks ?? {})}
                search=${(job) => `${titleOf(job)} ${codecWords(job.params)} ${job.state} ${job.id}`} sort=${[4, 'descending']} />`
    }
  <//>`
}

const brief = (job) =>
  job === undefined ? {} : { done: job.done, total: job.total, stage: job.stage, state: job.state }

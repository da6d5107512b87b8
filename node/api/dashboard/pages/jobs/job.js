/** One job: how far it is, who does what, what it reads and writes, what came of it, and why it went as it did. */
import { useEffect } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { counted, duration, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerNames } from '../../parts/peer-names.js'
import { goTo } from '../../parts/place.js'
import { Result } from '../../parts/result.js'
import { useTitle } from '../../parts/title.js'
import { Bar, Confirm, Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { JobFiles } from './job-files.js'
import { JobNotes } from './job-notes.js'
import { paceText, usePace } from './job-pace.js'
import { Held, Shares, Strip, TaskTable } from './job-tasks.js'
import { beginningOf, codecWords, shareOf, titleOf } from './job-words.js'
import { ResultCharts } from './result-charts.js'
import { TrainingCurve } from './training-curve.js'

function Actions({ job, refresh }) {
  const { busy, error, act } = useAction(async (resume) => {
    const made = await send('POST', `/api/v1/jobs/${job.id}/retry`, { resume })
    goTo('jobs', made.id)
  })
  const priority = useAction((value) =>
    send('PUT', `/api/v1/jobs/${job.id}/priority`, { priority: value }).then(() => refresh('jobs')),
  )
  if (job.state === 'running')
    return html`<span class="job-actions">
        <label class="inline-label">Priority
          <select value=${job.priority} disabled=${priority.busy} onChange=${(event) => priority.act(Number(event.currentTarget.value))}>
            ${[...new Set([10, 0, -10, job.priority])].sort((a, b) => b - a).map((value) => html`<option value=${value}>${value === 10 ? 'before others' : value === 0 ? 'ordinary' : value === -10 ? 'after others' : value}</option>`)}
          </select></label>
        <${Confirm} label="Cancel" verb="Cancel the job" question="Cancel this job?" explain="What its tasks have done is lost."
          className="" action=${() => send('POST', `/api/v1/jobs/${job.id}/cancel`)} />
      </span><${Problem} error=${priority.error} />`
  return html`<span class="job-actions">
      ${
        job.kind === 'train' && job.state === 'failed'
          ? html`<button type="button" class="primary" disabled=${busy} onClick=${() => act(true)}>Go on with its weights</button>`
          : null
      }
      <button type="button" class=${job.state === 'done' ? '' : 'primary'} disabled=${busy} onClick=${() => act(false)}>${job.state === 'done' ? 'Run again' : 'Try again'}</button>
      <${Confirm} label="Remove" verb="Remove" question="Remove this job?" explain="Its record and the artifacts that only it needs go. A model that it made stays." className=""
        action=${() =>
          send('DELETE', `/api/v1/jobs/${job.id}`).then((done) => {
            refresh('jobs')
            goTo('jobs')
            return done
          })} />
    </span><${Problem} error=${error} />`
}

/** The stages so far, with how much of each is done. */
function Stages({ job, tasks }) {
  const rows = job.stages.map(({ name, from }, index) => {
    const to = job.stages[index + 1]?.from ?? job.total
    const done =
      tasks === undefined ? null : tasks.slice(from, to).filter(({ state }) => state === 'done').length
    return { name, amount: to - from, done: job.state === 'done' ? to - from : done }
  })
  // Planning and assembling are stages without tasks.
  const between = job.stage !== null && !job.stages.some(({ name }) => name === job.stage) ? job.stage : null
  if (rows.length === 0 && between === null) return null
  return html`<ol class="stages" aria-label="Stages">
    ${rows.map(
      ({ name, amount, done }, index) =>
        html`<li aria-current=${job.state === 'running' && between === null && index === rows.length - 1 ? 'step' : undefined}
          class=${done === amount ? 'done' : ''}>${name}<small>${amount === 0 ? '' : done === null ? ` ${amount}` : ` ${done} of ${amount}`}</small></li>`,
    )}
    ${between === null ? null : html`<li aria-current="step">${between}</li>`}
  </ol>`
}

function Progress({ job, tasks, names }) {
  const share = shareOf(job, tasks)
  const pace = usePace(job, share * job.total)
  const isRunning = job.state === 'running'
  const took = (job.finishedAtMs ?? job.createdAtMs) - job.createdAtMs
  return html`<div class="job-progress">
    <${Bar} share=${share} label=${`Progress of ${titleOf(job)}`} tone=${job.state} />
    <small>${beginningOf(job) ?? `${job.done} of ${counted(job.total, 'task')}`} · since ${time(job.createdAtMs)}${isRunning ? '' : ` · took ${duration(took)}`}</small>
    ${isRunning && job.total > 1 && pace !== null ? html`<small>${paceText(pace)}</small>` : null}
    <${Stages} job=${job} tasks=${tasks} />
    ${tasks === undefined || tasks.length < 2 ? null : html`<${Strip} tasks=${tasks} />`}
    ${tasks === undefined ? null : html`<${Held} tasks=${tasks} names=${names} />`}
    <${Shares} shares=${job.shares} names=${names} />
  </div>`
}

/** What it was asked for, as it was submitted and filled in. */
const Parameters = ({ job }) => html`<details>
  <summary>Parameters</summary>
  <pre class="parameters" tabindex="0">${JSON.stringify(job.params, null, 2)}</pre>
</details>`

export function Job({ id, state, refresh }) {
  const only = (data) => data.job === id
  const { data, error, loading } = useLive(
    `/api/v1/jobs/${encodeURIComponent(id)}`,
    ['job:changed', 'job:doubted'],
    { only },
  )
  const live = state.jobs?.find((job) => job.id === id)
  // Progress comes event by event; the rest as it was read.
  const job =
    data === undefined
      ? undefined
      : data.state === 'running' && live !== undefined
        ? { ...data, done: live.done, total: live.total, stage: live.stage }
        : data
  useTitle(job === undefined ? '' : titleOf(job))
  useEffect(() => {
    if (job?.state !== undefined && job.state !== 'running') refresh('models')
  }, [job?.state])
  if (loading) return html`<${Section} id="job" title="Job"><${Loading} lines=${6} /><//>`
  if (job === undefined)
    return html`<${Section} id="job" title="Job" aside=${html`<a href="#jobs">All jobs</a>`}><${Problem} error=${error} /><//>`
  const names = peerNames(state)
  const tasks = job.state === 'running' ? state.tasks?.[id] : undefined
  const codec = codecWords(job.params)
  return html`<div class="stack">
    <${Section} id="job" aside=${html`<${Actions} job=${job} refresh=${refresh} />`}
      title=${html`<a class="up" href="#jobs">Jobs</a> ${titleOf(job)} ${codec === '' ? null : html`<code>${codec}</code>`} <span class=${`state ${job.state}`}>${job.state}</span>`}>
      <${Problem} error=${error} />
      <${Progress} job=${job} tasks=${tasks} names=${names} />
      ${job.error === null ? null : html`<${Problem} error=${job.error} />`}
      ${job.doubt === null ? null : html`<p class="doubt">Doubtful: ${counted(job.doubt.tasks, 'result rests', 'results rest')} on the word of ${job.doubt.peers.map(names).join(', ')}, caught lying since. Run it again.</p>`}
    <//>
    ${
      job.kind === 'train'
        ? html`<${Section} id="job-curve" title="Training"><${TrainingCurve} job=${job} /><//>`
        : null
    }
    ${
      job.result === null
        ? null
        : html`<${Section} id="job-result" title="Result">
            <${Result} kind=${job.kind} result=${job.result} />
            <${ResultCharts} kind=${job.kind} result=${job.result} />
          <//>`
    }
    ${job.state === 'running' ? html`<${Section} id="job-tasks" title="Tasks"><${TaskTable} job=${job} names=${names} firstOpen=${tasks?.findIndex(({ state: taskState }) => taskState !== 'done') ?? 0} /><//>` : null}
    <${Section} id="job-files" title="What it reads and writes"><${JobFiles} job=${job} state=${state} /><${Parameters} job=${job} /><//>
    <${Section} id="job-notes" title="Why it went as it did"><${JobNotes} job=${job} names=${names} /><//>
    ${job.result === null && job.state === 'cancelled' ? html`<${Empty}>It was cancelled: nothing came of it.<//>` : null}
  </div>`
}

/** Jobs as they move: every task, who holds it, and who did what share. */

import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { bytes, duration, percent, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Result } from '../../parts/result.js'
import { Bar, Confirm, Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { Submit } from './submit.js'

/** More tasks than this share a cell: the strip stays readable and cheap to draw. */
const MAX_CELLS = 160
const MAX_HOLDERS = 12
const TONES = 6

/** The state that a cell of several tasks shows: what moves wins over what is done, what failed over all. */
const ORDER = ['failed', 'leased', 'ready', 'waiting', 'cancelled', 'done']

function cells(tasks) {
  const size = Math.ceil(tasks.length / MAX_CELLS)
  return Array.from({ length: Math.ceil(tasks.length / size) }, (_, index) => {
    const group = tasks.slice(index * size, (index + 1) * size)
    const state = ORDER.find((name) => group.some((task) => task.state === name)) ?? 'waiting'
    const share =
      group.reduce((sum, task) => sum + (task.state === 'done' ? 1 : task.progress), 0) / group.length
    return {
      state,
      share: Math.round(share * 4),
      title: `${group[0].label}${group.length > 1 ? ` and ${group.length - 1} more` : ''}: ${state}`,
    }
  })
}

function Strip({ tasks }) {
  const states = ['done', 'leased', 'failed'].map((state) => [
    state,
    tasks.filter((task) => task.state === state).length,
  ])
  const words = states.filter(([, amount]) => amount > 0).map(([state, amount]) => `${amount} ${state}`)
  return html`<div class="strip" role="img" aria-label=${`Tasks: ${words.join(', ') || 'none started'} of ${tasks.length}`}>
    ${cells(tasks).map((cell) => html`<i class=${`${cell.state} p${cell.share}`} title=${cell.title}></i>`)}
  </div>`
}

/** One line a peer rather than a task: tasks change every second, and lines that come and go would move the page. */
function Held({ tasks, names }) {
  const byPeer = new Map()
  for (const task of tasks)
    if (task.state === 'leased')
      for (const peer of task.peers) byPeer.set(peer, [...(byPeer.get(peer) ?? []), task])
  const rows = [...byPeer].map(([peer, held]) => ({ peer, name: names(peer), held }))
  rows.sort((a, b) => a.name.localeCompare(b.name))
  return html`<ul class="held" aria-label="Who works on what now">
    ${rows.slice(0, MAX_HOLDERS).map(({ peer, name, held }) => {
      const labels = held.map((task) => task.label).join(', ')
      const share = held.reduce((sum, task) => sum + task.progress, 0) / held.length
      return html`<li key=${peer}>
        <span class="held-who">${name}</span>
        <span class="held-what" title=${labels}>${held.length}: ${labels}</span>
        <${Bar} share=${share} label=${`Progress of what ${name} holds`} />
      </li>`
    })}
    ${rows.length > MAX_HOLDERS ? html`<li class="more">and ${rows.length - MAX_HOLDERS} more peers</li>` : null}
  </ul>`
}

function Shares({ shares, names }) {
  const rows = Object.entries(shares).sort((a, b) => b[1].tasks - a[1].tasks)
  const total = rows.reduce((sum, [, share]) => sum + share.tasks, 0)
  if (total === 0) return null
  return html`<div class="shares">
    <div class="share-bar" aria-hidden="true">
      ${rows.map(([peer, share], index) => html`<svg key=${peer} class=${`tone${index % TONES}`} width=${`${(share.tasks / total) * 100}%`} height="8"><rect width="100%" height="8" /></svg>`)}
    </div>
    <ul>
      ${rows.map(
        (
          [peer, share],
          index,
        ) => html`<li key=${peer}><span class=${`key tone${index % TONES}`} aria-hidden="true"></span>
          ${names(peer)} <small>${share.tasks} ${share.tasks === 1 ? 'task' : 'tasks'}, ${duration(share.busyMs)}, ${bytes(share.bytes)} (${percent(share.tasks / total)})</small></li>`,
      )}
    </ul>
  </div>`
}

/** Finished jobs that are shown without being asked for: a page of all of them would hide the models below it. */
const SHOWN_FINISHED = 4

/** `evaluate likelihood: a, b`: what tells a job from others of its kind. */
function titleOf({ kind, params, result }) {
  const models = params.models?.join(', ') ?? params.model ?? ''
  // Jobs of older daemons that were not told the suite say it in their result.
  const suite = kind === 'evaluate' ? (params.suite ?? result?.suite) : undefined
  return `${kind} ${suite === undefined ? '' : `${suite}: `}${models}`
}

function Job({ job, tasks, names }) {
  const { busy, error, act } = useAction((method, path) => send(method, path))
  const running = job.state === 'running'
  const title = titleOf(job)
  const partial = (tasks ?? []).reduce((sum, task) => sum + (task.state === 'leased' ? task.progress : 0), 0)
  return html`<article class="job" aria-labelledby=${`job-${job.id}`}>
    <div class="job-head">
      <h3 id=${`job-${job.id}`}>${title} ${job.params.codec ? html`<code>${job.params.codec}</code>` : null}</h3>
      <span class=${`state ${job.state}`}>${job.state}</span>
      <span class="job-actions">
        ${
          running
            ? html`<${Confirm} label="Cancel" verb="Cancel the job" question="Cancel this job?" explain="What its tasks have done is lost."
              action=${() => send('POST', `/api/v1/jobs/${job.id}/cancel`)} />`
            : html`<button type="button" class="quiet" disabled=${busy} onClick=${() => act('DELETE', `/api/v1/jobs/${job.id}`).then(() => names.refresh('jobs'))}>Remove</button>`
        }
      </span>
    </div>
    <div class="job-progress">
      <${Bar} share=${job.total === 0 ? 0 : (job.done + partial) / job.total} label=${`Progress of ${title}`} tone=${job.state} />
      <small>${job.stage === null ? '' : `${job.stage}: `}${job.done} of ${job.total} tasks · ${running ? `since ${time(job.createdAtMs)}` : `took ${duration((job.finishedAtMs ?? job.createdAtMs) - job.createdAtMs)}`}${job.priority === 0 ? '' : ` · priority ${job.priority}`}</small>
    </div>
    ${tasks === undefined || tasks.length === 0 ? null : html`<${Strip} tasks=${tasks} /><${Held} tasks=${tasks} names=${names.of} />`}
    <${Shares} shares=${job.shares} names=${names.of} />
    ${job.error === null ? null : html`<${Problem} error=${job.error} />`}
    ${job.doubt === null ? null : html`<p class="doubt">Doubtful: ${job.doubt.tasks} results rest on the word of members that were caught lying since. Run it again.</p>`}
    <${Problem} error=${error} />
    ${job.result === null ? null : html`<${Result} kind=${job.kind} result=${job.result} />`}
  </article>`
}

export function Jobs({ state, refresh }) {
  const { jobs, models, catalog } = state
  const known = new Map([
    ...(state.members ?? []).map((member) => [member.peer, member.name]),
    ...(state.peers ?? []).map((peer) => [peer.peer, peer.name]),
    ...(state.status ? [[state.status.peer, `${state.status.name} (this node)`]] : []),
  ])
  const names = { of: (peer) => known.get(peer) ?? short(peer), refresh }
  const newest = [...(jobs ?? [])].sort(
    (a, b) => Number(b.state === 'running') - Number(a.state === 'running') || b.createdAtMs - a.createdAtMs,
  )
  const running = newest.filter(({ state: jobState }) => jobState === 'running')
  const shown = newest.slice(0, running.length + SHOWN_FINISHED)
  const earlier = newest.slice(shown.length)
  const card = (job) => html`<${Job} key=${job.id} job=${job} tasks=${state.tasks[job.id]} names=${names} />`
  return html`<${Section} id="jobs" title=${html`Jobs ${jobs === undefined ? null : html`<span class="count">${jobs.length}</span>`}`}>
    ${models !== undefined && models.length > 0 && catalog !== undefined ? html`<${Submit} models=${models} catalog=${catalog} />` : null}
    ${
      jobs === undefined
        ? html`<${Loading} lines=${4} />`
        : newest.length === 0
          ? html`<${Empty}>No jobs yet. ${models?.length ? 'Open “New job” above.' : 'Add a model first.'}<//>`
          : shown.map(card)
    }
    ${earlier.length === 0 ? null : html`<${Earlier} jobs=${earlier} card=${card} />`}
  <//>`
}

/** Made when it is opened: hundreds of jobs with their tables would slow the page for nothing. */
function Earlier({ jobs, card }) {
  const [open, setOpen] = useState(false)
  return html`<details class="earlier" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${jobs.length} earlier ${jobs.length === 1 ? 'job' : 'jobs'}</summary>
    ${open ? jobs.map(card) : null}
  </details>`
}

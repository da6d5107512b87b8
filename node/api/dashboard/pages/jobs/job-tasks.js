/** The tasks of a running job: a cell each, who holds what, and a table a page at a time. */
import { useState } from '../../lib/hooks.js'
import { bytes, count, counted, duration, percent } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Bar, Loading, Problem, Table } from '../../parts/widgets.js'

/** More tasks than this share a cell: the strip stays readable and cheap to draw. */
const MAX_CELLS = 160
const MAX_HOLDERS = 12
const TONES = 6
const PAGE_TASKS = 25

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

export function Strip({ tasks }) {
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
export function Held({ tasks, names }) {
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

export function Shares({ shares, names }) {
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
          ${names(peer)} <small>${counted(share.tasks, 'task')}, ${duration(share.busyMs)}, ${bytes(share.bytes)} (${percent(share.tasks / total)})</small></li>`,
      )}
    </ul>
  </div>`
}

/** What is said of a task beside its state: that it is not the first attempt, that several have it. */
function remarks({ attempts, peers, state }) {
  const parts = []
  if (peers.length > 1) parts.push(`${peers.length} peers at once`)
  const before = attempts - peers.length - (state === 'done' ? 1 : 0)
  if (before > 0) parts.push(`given out ${attempts} times`)
  return parts.join(', ') || '–'
}

/** `firstOpen`: the first task that is not done; its page is shown until somebody turns another. */
export function TaskTable({ job, names, firstOpen }) {
  const [turned, setPage] = useState(null)
  const page = turned ?? Math.floor(Math.max(0, firstOpen) / PAGE_TASKS)
  const path = `/api/v1/jobs/${job.id}/tasks?offset=${page * PAGE_TASKS}&limit=${PAGE_TASKS}`
  const only = (data) => data.job === job.id
  const { data, error, loading } = useLive(path, ['task:changed', 'job:changed'], { only })
  const pages = Math.max(1, Math.ceil((data?.total ?? 0) / PAGE_TASKS))
  const pagerOf = () => html`<nav class="pager" aria-label="Pages of tasks">
    <button type="button" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Earlier</button>
    <span role="status">${count(page * PAGE_TASKS + 1)} to ${count(Math.min(data.total, (page + 1) * PAGE_TASKS))} of ${count(data.total)}</span>
    <button type="button" disabled=${page >= pages - 1} onClick=${() => setPage(page + 1)}>Later</button>
  </nav>`
  return html`<${Problem} error=${error} />
    ${loading ? html`<${Loading} lines=${5} />` : null}
    ${
      data === undefined || data.total === 0
        ? null
        : html`<${Table} label="Tasks" head=${['Task', 'State', 'Who', 'Progress', 'Remarks']}
            rows=${data.tasks.map((task) => ({
              key: task.index,
              cells: [
                html`<span class="name">${task.label}</span>`,
                html`<span class=${`state ${task.state === 'leased' ? 'running' : task.state}`}>${task.state}</span>`,
                task.peers.map(names).join(', ') || '–',
                task.state === 'leased'
                  ? html`<${Bar} share=${task.progress} label=${`Progress of ${task.label}`} />`
                  : task.state === 'done'
                    ? 'all'
                    : '–',
                remarks(task),
              ],
            }))} />
          ${pages > 1 ? pagerOf() : null}`
    }`
}

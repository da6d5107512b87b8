/** Runs of indexing as they go on: how far, how fast, how long still, and the files that could not be read. */
import { useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { bytes, count, counted, duration, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useEvents, useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Bar, Confirm, Problem, Section, Table } from '../../parts/widgets.js'

const TRIGGERS = { request: '', watch: 'a file has changed', start: 'changed while the node was off' }
const STATES = {
  waiting: 'waits',
  running: 'running',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
}
const LIVE = new Set(['waiting', 'running'])
const MOST_FILES = 50

const passagesOf = ({ report, embedded }) => Math.max(report.chunks, embedded)

/** Passages in a second since it was first seen here, and what is left of the time by the bytes. */
function paceOf(run, first) {
  const seconds = (performance.now() - first.atMs) / 1000
  if (seconds < 1 || run.state !== 'running') return { rate: null, leftMs: null }
  const rate = (passagesOf(run) - first.passages) / seconds
  const done = run.doneBytes - first.doneBytes
  const leftMs =
    !run.isCounted || done <= 0 || run.doneBytes >= run.totalBytes
      ? null
      : ((run.totalBytes - run.doneBytes) / done) * seconds * 1000
  return { rate, leftMs }
}

/** Reads the runs, and applies the events of their progress in place. */
export function useRuns(collection = null) {
  const isOurs = (data) => collection === null || data.collection === collection
  const [, redraw] = useState(0)
  const changes = useRef(new Map())
  const first = useRef(new Map())
  const read = useLive('/api/v1/index-runs', ['index:changed'], {
    // Progress is in the event; what came of it is in the run alone.
    only: (data) => isOurs(data) && (!LIVE.has(data.state) || !changes.current.has(data.run)),
  })
  useEvents(
    (event) => {
      if (!isOurs(event.data)) return
      changes.current.set(event.data.run, event.data)
      redraw((before) => before + 1)
    },
    ['index:changed'],
  )
  const runs = (read.data?.runs ?? [])
    .filter(isOurs)
    .map((run) => {
      const change = changes.current.get(run.id)
      if (change === undefined || !LIVE.has(run.state)) return run
      const { chunks, ...progress } = change
      return { ...run, ...progress, report: { ...run.report, chunks } }
    })
    .reverse()
  const ids = new Set(runs.map(({ id }) => id))
  for (const id of changes.current.keys()) if (!ids.has(id)) changes.current.delete(id)
  for (const id of first.current.keys()) if (!ids.has(id)) first.current.delete(id)
  for (const run of runs)
    if (run.state === 'running' && !first.current.has(run.id))
      first.current.set(run.id, {
        ...{ atMs: performance.now(), passages: passagesOf(run), doneBytes: run.doneBytes },
      })
  return { ...read, runs, paceOf: (run) => paceOf(run, first.current.get(run.id) ?? { atMs: Infinity }) }
}

function Progress({ run, pace }) {
  const { files, isCounted, doneFiles, totalBytes, doneBytes } = run
  const share = !isCounted ? 0 : totalBytes === 0 ? 1 : doneBytes / totalBytes
  const words = [
    isCounted
      ? `${count(doneFiles)} of ${counted(files, 'file')} (${bytes(totalBytes)})`
      : `${counted(files, 'file')} found`,
    counted(passagesOf(run), 'passage'),
    pace.rate === null ? '' : `${count(Math.round(pace.rate))}/s`,
    pace.leftMs === null ? '' : `${duration(pace.leftMs)} left`,
  ]
  return html`<div class="job-progress">
    <${Bar} share=${share} label=${`Indexing of ${run.name}`} />
    <span class="foot">${run.state === 'waiting' ? 'waits for other runs' : words.filter((part) => part !== '').join(' · ')}</span>
  </div>`
}

function Files({ report }) {
  const { skippedSources, skipped } = report
  return html`<details class="why" open=${skipped <= 5}><summary>${counted(skipped, 'file')} left out</summary>
    <${Table} label="Files left out" head=${['File', 'Why', 'What to do']} rows=${skippedSources
      .slice(0, MOST_FILES)
      .map(({ source, code, message, fix }, index) => ({
        key: index,
        cells: [
          html`<span class="name">${source}</span>`,
          html`<span>${message} <code>${code}</code></span>`,
          fix,
        ],
      }))} />
    ${skipped > MOST_FILES ? html`<p class="foot">The first ${MOST_FILES} of ${count(skipped)}. All: <code>village index --list --json</code></p>` : null}
  </details>`
}

function Report({ run }) {
  const { report } = run
  const counts = [
    [report.added, 'added'],
    [report.changed, 'changed'],
    [report.unchanged, 'unchanged'],
    [report.removed, 'removed'],
    [report.skipped, 'left out'],
    [report.nearDuplicates, 'nearly the same as another'],
  ].filter(([number], index) => number > 0 || index === 0)
  const ignored = report.left.unsupported.map(
    ({ extension, files }) => `${files} ${extension === '' ? 'without an ending' : extension}`,
  )
  return html`<p class="foot">${counts.map(([number, what]) => `${count(number)} ${what}`).join(', ')}; ${counted(report.chunks, 'passage')} in ${duration((run.finishedAtMs ?? run.startedAtMs) - run.startedAtMs)}.
      ${ignored.length === 0 ? '' : ` Not read, of other formats: ${ignored.slice(0, 8).join(', ')}.`}
      ${report.left.excluded + report.left.hidden === 0 ? '' : ` Passed over: ${count(report.left.excluded)} excluded, ${count(report.left.hidden)} hidden.`}</p>
    ${report.skippedSources.length === 0 ? null : html`<${Files} report=${report} />`}
    ${
      report.warnings.length === 0
        ? null
        : html`<details class="why"><summary>${counted(report.warnings.length, 'note')}</summary><ul class="gaps">${report.warnings
            .slice(0, MOST_FILES)
            .map(
              ({ source, message }, index) =>
                html`<li key=${index}><strong>${source}</strong> ${message}</li>`,
            )}</ul></details>`
    }`
}

export function Run({ run, pace, isNamed, reload }) {
  const cancel = async () => {
    await send('DELETE', `/api/v1/index-runs/${encodeURIComponent(run.id)}`)
    reload()
    return true
  }
  const why = TRIGGERS[run.trigger]
  return html`<li class="job">
    <div class="job-head">
      <h3>${isNamed ? html`<a href=${placeOf('knowledge', run.name)}>${run.name}</a>: ` : ''}${run.paths.slice(0, 3).join(', ')}${run.paths.length > 3 ? ` and ${run.paths.length - 3} more` : ''}</h3>
      <span class=${`state ${run.state}`}>${STATES[run.state]}</span>
      <small>${time(run.startedAtMs)}${why === '' ? '' : ` · ${why}`}</small>
      ${LIVE.has(run.state) ? html`<${Confirm} label="Stop" question="Stop indexing?" explain="What is indexed by now stays and can be searched." verb="Stop it" action=${cancel} />` : null}
    </div>
    ${LIVE.has(run.state) ? html`<${Progress} run=${run} pace=${pace} />` : html`<${Report} run=${run} />`}
    ${run.error === null ? null : html`<${Problem} error=${{ ...run.error, fix: '' }} />`}
  </li>`
}

/** Those that go on, wherever they belong to. */
export function Runs() {
  const { runs, error, paceOf, reload } = useRuns()
  const live = runs.filter(({ state }) => LIVE.has(state))
  if (live.length === 0) return error === null ? null : html`<${Problem} error=${error} />`
  return html`<${Section} id="runs" title="Indexing now">
    <ul>${live.map((run) => html`<${Run} key=${run.id} run=${run} pace=${paceOf(run)} isNamed reload=${reload} />`)}</ul>
  <//>`
}

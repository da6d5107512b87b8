/** One run of evolution: where it is, what it has found, who did what, its ledger, and what can be done with it. */
import { useMemo, useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { count, duration, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { modelNames } from '../../parts/model-names.js'
import { peerNames } from '../../parts/peer-names.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import {
  Bar,
  Confirm,
  Copy,
  Empty,
  Loading,
  Problem,
  Section,
  Table,
  useAction,
} from '../../parts/widgets.js'
import { Candidates } from './candidates.js'
import { Comparison } from './comparison.js'
import { genomeWords } from './genome-words.js'
import { Ledger } from './ledger.js'
import { Lineage } from './lineage.js'
import { FitnessChart, FrontChart } from './run-charts.js'
import { RunMembers } from './run-members.js'
import { RUN_EVENTS } from './runs.js'
import { Winner } from './winner.js'
import { endWords, isOver, phaseTone, phaseWords, score } from './words.js'

const POLL_MS = 5_000

function Controls({ run }) {
  const { error, act, busy } = useAction((action) =>
    send('POST', `/api/v1/runs/${run.run}/control`, { action }),
  )
  const button = (action, title) =>
    html`<button type="button" disabled=${busy} onClick=${() => act(action)}>${title}</button>`
  const remove = async () => {
    await send('DELETE', `/api/v1/runs/${run.run}`)
    goTo('evolution', 'runs')
    return true
  }
  const over = isOver(run)
  return html`<div class="actions">
      ${!over && run.phase === 'announced' ? button('start', 'Start now') : null}
      ${over ? null : run.isPaused ? button('resume', 'Resume') : button('pause', 'Pause')}
      ${over ? null : run.takesPart ? button('leave', 'Leave') : button('join', 'Join')}
      ${
        over
          ? null
          : html`<${Confirm} label="Stop" question=${`Stop ${run.name}?`} explain="It ends for everybody with the next block. What was scored stays in the ledger." verb="Stop the run"
              action=${() => send('POST', `/api/v1/runs/${run.run}/control`, { action: 'stop' })} />`
      }
      <${Confirm} label="Remove" question=${`Remove ${run.name} from this node?`}
        explain=${over ? 'Its ledger goes with it, and does not come back. A model that was made of the winner stays.' : 'This node leaves it for good, and its ledger goes with it. The others go on.'}
        verb="Remove" action=${remove} />
    </div>
    <${Problem} error=${error} />`
}

/** What the phase is about at the moment, and whom it waits for. */
function Progress({ run, nameOf }) {
  const owed = Object.entries(run.owed)
  return html`<${Section} id="progress" title="At the moment">
    <${Bar} share=${run.generation / run.generations} label="Generations that are done" />
    <${Facts} rows=${[
      ['phase', phaseWords(run)],
      ['generation', `${run.generation + 1} of ${run.generations}`],
      ['until', run.deadlineMs === null ? 'whenever it is done' : time(run.deadlineMs)],
      ['coordinator', run.coordinator === null ? '–' : nameOf(run.coordinator)],
      [
        'waits for',
        owed.length === 0
          ? 'nobody'
          : owed
              .map(([peer, slots]) => (slots === 0 ? nameOf(peer) : `${nameOf(peer)} (${slots})`))
              .join(', '),
      ],
    ]} />
    ${
      run.slots.length === 0
        ? null
        : html`<${Table} label="Candidates of this generation" head=${['Candidate', 'Made by', 'Committed', 'Shown']}
            rows=${run.slots.map((slot) => ({
              key: slot.id,
              cells: [
                slot.id,
                slot.by,
                slot.same === null ? `${slot.committed} of ${slot.scorers}` : `as ${slot.same}`,
                slot.same === null ? `${slot.revealed} of ${slot.scorers}` : '',
              ],
            }))} />`
    }
  <//>`
}

function Head({ run, report, nameOf }) {
  const end = report === undefined ? null : endWords(report)
  return html`<${Section} id="run" title=${run.name} aside=${html`<span class=${`state ${phaseTone(run)}`}>${phaseWords(run)}</span>`}>
    <p>${run.workload} by ${run.strategy}, announced by ${nameOf(run.announcer)} on ${time(run.announcedAtMs)}. ${end}</p>
    <${Facts} rows=${[
      ['best', run.best === null ? '–' : `${score(run.best.mean)} (candidate ${run.best.id})`],
      ['candidates scored', count(run.evaluations)],
      ['energy, as members say', `${count(Math.round(run.joules))} J`],
      [
        'time',
        run.startedAtMs === null ? 'not begun' : duration((run.endedAtMs ?? Date.now()) - run.startedAtMs),
      ],
      ['population', report === undefined ? '…' : report.population],
      ['seed', report === undefined ? '…' : report.seed],
      ['id', html`<${Copy} text=${run.run} label="the id of the run">${short(run.run)}<//>`],
    ]} />
    <${Controls} run=${run} />
  <//>`
}

export function Run({ id, state }) {
  const path = `/api/v1/runs/${encodeURIComponent(id)}`
  const live = useLive(path, RUN_EVENTS, { everyMs: POLL_MS, only: ({ run }) => run === id })
  // A report is computed anew: it is asked for when a generation has ended, not with each block.
  const seen = useRef('')
  const reportLive = useLive(`${path}/report`, RUN_EVENTS, {
    only({ run, generation, phase, cid }) {
      const key = `${generation} ${phase === 'published' || phase === 'ended' || cid !== undefined}`
      const isNew = run === id && key !== seen.current
      if (run === id) seen.current = key
      return isNew
    },
  })
  const [selected, setSelected] = useState(null)
  const run = live.data?.run
  const report = reportLive.data
  const nameOf = peerNames(state)
  const modelOf = useMemo(() => modelNames(state.models), [state.models])
  const words = useMemo(
    () =>
      report === undefined ? null : (genome) => genomeWords(report.kind, report.genomeKey, genome, modelOf),
    [report, modelOf],
  )
  const trail = html`<nav class="trail" aria-label="Where this is">
    <a href=${placeOf('evolution', 'runs')}>Runs</a><span aria-hidden="true">›</span><span aria-current="page">${run?.name ?? short(id)}</span></nav>`
  if (run === undefined)
    return html`${trail}<${Problem} error=${live.error} />${live.loading ? html`<${Loading} lines=${5} />` : null}`
  const hasFront = report?.candidates.some(({ objectives }) => objectives.length > 1) ?? false
  return html`${trail}
    <${Head} run=${run} report=${report} nameOf=${nameOf} />
    <${Problem} error=${live.error ?? reportLive.error} />
    ${isOver(run) ? null : html`<${Progress} run=${run} nameOf=${nameOf} />`}
    ${
      report === undefined
        ? html`<${Loading} lines=${4} />`
        : html`${report.result === null ? null : html`<${Winner} report=${report} words=${words} state=${state} nameOf=${nameOf} />`}
          <${Section} id="fitness" title="Scores by generation"><${FitnessChart} report=${report} /><//>
          ${hasFront ? html`<${Section} id="front" title=${report.kind === 'compression' ? 'Score against size' : 'Two objectives'}><${FrontChart} report=${report} words=${words} onSelect=${setSelected} /><//>` : null}
          ${report.final === null ? null : html`<${Comparison} report=${report} words=${words} />`}
          <${Section} id="lineage" title="Where candidates come from">
            ${report.candidates.length === 0 ? html`<${Empty}>No candidate was scored yet.<//>` : html`<${Lineage} report=${report} words=${words} selected=${selected} onSelect=${setSelected} />`}
          <//>
          ${report.candidates.length === 0 ? null : html`<${Section} id="candidates" title="Best candidates"><${Candidates} report=${report} words=${words} nameOf=${nameOf} onSelect=${setSelected} /><//>`}
          <${RunMembers} run=${run} report=${report} nameOf=${nameOf} />`
    }
    <${Ledger} run=${run} nameOf=${nameOf} />`
}

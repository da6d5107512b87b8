/** Self-evolution: whether it is on, its goals, what they wait for, and what is left of the day. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { count, counted, duration, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import {
  Bar,
  Confirm,
  Empty,
  Loading,
  Problem,
  Section,
  textOf,
  useAction,
  useForm,
} from '../../parts/widgets.js'
import { reasonWords, wattHours } from './words.js'

export const SELF_EVENTS = [
  'self-evolution:started',
  'self-evolution:ended',
  'self-evolution:rolled-back',
  'config:changed',
]
const POLL_MS = 30_000

const EVENTS = {
  adopted: 'adopted',
  kept: 'nothing changed',
  stopped: 'stopped',
  failed: 'failed',
  'rolled-back': 'rolled back',
  resumed: 'resumed',
  found: 'found',
}
export const eventWords = (entry) => `${EVENTS[entry.event] ?? entry.event}, ${reasonWords(entry)}`

function nextWords({ state, nextAtMs, failures }) {
  if (state === 'removed') return 'never: it is not in the file of goals, or self-evolution is off'
  if (state === 'paused') return 'paused'
  if (nextAtMs === null) return '–'
  const when = nextAtMs <= Date.now() ? 'as soon as it may' : time(nextAtMs)
  return failures === 0 ? when : `${when}, after ${counted(failures, 'failure')}`
}

/** What of a day is spent, as bars, one for each limit that there is. */
function Day({ spent, budget }) {
  const rows = [
    ['candidates', spent.evaluations, budget.evaluations, count],
    ['time', spent.durationMs, budget.durationMs, duration],
    ['energy', spent.joules, budget.joules, wattHours],
  ].filter(([, , most]) => most !== null)
  return html`<ul class="day">${rows.map(
    ([label, used, most, write]) =>
      html`<li><span>${label}: ${write(used)} of ${write(most)}</span><${Bar} share=${most === 0 ? 1 : used / most} label=${`${label} of today that is spent`} /></li>`,
  )}</ul>`
}

const SETTINGS = { enabled: 'selfEvolution.enabled', goals: 'selfEvolution.goals' }

function useSwitch(reload) {
  const [answer, setAnswer] = useState(null)
  const change = async (changes) => {
    setAnswer(await send('PATCH', '/api/v1/config', { changes }))
    reload()
    return true
  }
  return { answer, change }
}

/** The file is read before anything is changed: with a wrong one the daemon would not start again. */
function TurnOn({ goalsFile, change }) {
  const { busy, error, submit } = useForm(async (form) => {
    const path = textOf(form, 'goals')
    await send('POST', '/api/v1/recipes/goals', { path })
    await change({ [SETTINGS.goals]: path, [SETTINGS.enabled]: true })
  })
  return html`<form class="form inline" onSubmit=${submit}>
      <label>File of goals on the daemon’s machine<input name="goals" required defaultValue=${goalsFile ?? ''} placeholder="/home/me/goals.yaml" autocomplete="off" /></label>
      <button type="submit" disabled=${busy}>${busy ? 'Reading…' : 'Turn on'}</button>
    </form>
    <p class="soft">Its goals become runs of the village, within the budget of a day. What they find takes the place of what there is only where a paired test says that it is better; what there was is kept, and can be put back.</p>
    <${Problem} error=${error} />`
}

function Switch({ enabled, goalsFile, reload }) {
  const { answer, change } = useSwitch(reload)
  if (answer?.overridden.length > 0)
    return html`<p class="doubt" role="status">It is written to the configuration file, but the environment or the command line of the daemon says otherwise: ${answer.overridden.join(', ')}.</p>`
  if (answer?.needRestart.length > 0)
    return html`<p class="doubt" role="status">It is ${enabled ? 'off' : 'on'} from the next start of the daemon on.</p>`
  if (!enabled) return html`<${TurnOn} goalsFile=${goalsFile} change=${change} />`
  return html`<div class="actions"><${Confirm} label="Turn off" className="" question="Turn self-evolution off?"
    explain="No run begins any more. What was adopted stays, and can still be rolled back." verb="Turn off" action=${() => change({ [SETTINGS.enabled]: false })} /></div>`
}

function GoalRow({ goal, canRun }) {
  const run = useAction(() => send('POST', `/api/v1/self-evolution/${encodeURIComponent(goal.goal)}/run`))
  const tone = { running: 'running', paused: '', removed: '', waiting: 'done' }[goal.state]
  return html`<article class="job">
    <div class="job-head">
      <h3><a href=${placeOf('evolution', 'self', goal.goal)}>${goal.goal}</a></h3>
      <span class=${`state ${tone}`}>${goal.state === 'removed' ? 'not active' : goal.state}</span>
      <span class="soft">${goal.target.kind} ${goal.target.name}</span>
      ${
        goal.state === 'waiting' && canRun
          ? html`<span class="job-actions"><button type="button" disabled=${run.busy} onClick=${() => run.act()}>${run.busy ? 'Starting…' : 'Run now'}</button></span>`
          : null
      }
    </div>
    <${Facts} rows=${[
      ['present version', goal.present ?? '–'],
      ['versions kept', goal.versions],
      ['looked', `${counted(goal.looks, 'time')}, ${goal.adoptions} adopted`],
      goal.run === null
        ? ['next run', nextWords(goal)]
        : ['runs now', html`<a href=${placeOf('evolution', 'runs', goal.run)}>follow it</a>`],
      ...(goal.last === null ? [] : [['last', `${eventWords(goal.last)} (${time(goal.last.atMs)})`]]),
    ]} />
    <${Problem} error=${run.error} />
  </article>`
}

export function SelfEvolution() {
  const { data, error, loading, reload } = useLive('/api/v1/self-evolution', SELF_EVENTS, {
    everyMs: POLL_MS,
  })
  if (loading) return html`<${Section} id="self" title="Self-evolution"><${Loading} lines=${4} /><//>`
  if (data === undefined)
    return html`<${Section} id="self" title="Self-evolution"><${Problem} error=${error} /><//>`
  const { enabled, goalsFile, accepting, goals } = data
  const aside = html`<span class=${`state ${enabled ? 'done' : ''}`}>${enabled ? 'on' : 'off'}</span>`
  return html`<${Section} id="self" title="Self-evolution" aside=${aside}>
    <p>This node improves what it runs by itself: the settings that its collections are searched with, and the models that its ids stand for.</p>
    <${Problem} error=${error} />
    ${
      enabled
        ? html`<${Facts} rows=${[
            ['goals', html`<code>${goalsFile}</code>`],
            [
              'resources',
              accepting ? 'runs may begin' : 'no run begins at present: this node takes no work of others',
            ],
          ]} />`
        : null
    }
    ${enabled ? html`<h3 class="below">Today (UTC)</h3><${Day} spent=${data.spent} budget=${data.budget} />` : null}
    <${Switch} enabled=${enabled} goalsFile=${goalsFile} reload=${reload} />
    ${
      goals.length === 0
        ? html`<${Empty}>${enabled ? 'The file of goals holds none.' : 'No goal yet. docs/examples/self-evolution.yaml has some to begin with.'}<//>`
        : goals.map((goal) => html`<${GoalRow} key=${goal.goal} goal=${goal} canRun=${enabled} />`)
    }
  <//>`
}

/** The runs of evolution of this village, and the form for a new one. */
import { send } from '../../parts/connection.js'
import { count, counted, duration, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerNames } from '../../parts/peer-names.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { Facts } from '../../parts/result.js'
import { Bar, Empty, Section } from '../../parts/widgets.js'
import { RecipeBox } from './recipe-box.js'
import { isOver, phaseTone, phaseWords, score } from './words.js'

export const RUN_EVENTS = ['round:changed', 'round:lie', 'round:published']
const POLL_MS = 10_000

function RunRow({ run, nameOf }) {
  const active = run.participants.filter(({ gone }) => gone === null)
  return html`<article class="job">
    <div class="job-head">
      <h3><a href=${placeOf('evolution', 'runs', run.run)}>${run.name}</a></h3>
      <span class=${`state ${phaseTone(run)}`}>${phaseWords(run)}</span>
      <span class="soft">${run.workload}, ${run.strategy}</span>
    </div>
    ${isOver(run) ? null : html`<${Bar} share=${run.generation / run.generations} label=${`Generations of ${run.name}`} />`}
    <${Facts} rows=${[
      [
        'generation',
        `${Math.min(run.generation + (isOver(run) ? 0 : 1), run.generations)} of ${run.generations}`,
      ],
      ['best so far', run.best === null ? '–' : score(run.best.mean)],
      ['scored', counted(run.evaluations, 'candidate')],
      [
        'members',
        active.length === 0
          ? 'none'
          : active
              .slice(0, 3)
              .map(({ peer }) => nameOf(peer))
              .join(', ') + (active.length > 3 ? ` and ${active.length - 3} more` : ''),
      ],
      [
        isOver(run) ? 'took' : 'announced',
        isOver(run)
          ? duration(run.endedAtMs - (run.startedAtMs ?? run.announcedAtMs))
          : time(run.announcedAtMs),
      ],
      ['by', nameOf(run.announcer)],
    ]} />
    ${run.lies.length === 0 ? null : html`<p class="doubt">${run.lies.length === 1 ? 'A member was' : `${run.lies.length} times a member was`} caught lying.</p>`}
  </article>`
}

function Plan({ plan, state }) {
  return html`<div class="plan">
    <h3>What it comes to</h3>
    <${Facts} rows=${[
      ['kind', plan.kind],
      ['strategy', plan.strategy.name],
      ['genes', count(plan.genes)],
      ['candidates at most', count(plan.mostCandidates)],
      ['items for selection', count(plan.selectionItems)],
      ['to choose the winner', count(plan.validationItems)],
      ['for the last comparison', count(plan.finalItems)],
    ]} />
    <${Cost} cost=${plan.cost} members=${state.members} />
    <p class="soft">It has to beat: ${plan.seedNames.join('; ')}.</p>
  </div>`
}

const HOUR_MS = 3_600_000
/** No finer than the estimate is. */
const rough = (ms) =>
  ms < 60_000
    ? duration(ms)
    : ms < HOUR_MS
      ? `${Math.round(ms / 60_000)} min`
      : `${(ms / HOUR_MS).toFixed(1)} h`

/** An estimate, and what it rests on. */
function Cost({ cost, members }) {
  const { candidate, items, candidateMs, isAtLeast, scorings, workMs } = cost
  const more = isAtLeast ? 'more than ' : ''
  const machines = (members ?? []).filter(({ self, connected }) => self || connected).length
  return html`<p><strong>About ${more}${rough(workMs)} of one machine such as this</strong>${machines > 1 ? `, ${more}${rough(workMs / machines)} where the ${machines} members that are here take part alike` : ''}.</p>
    <p class="soft">An estimate: ${counted(scorings, 'scoring')} at most, each ${more}${duration(candidateMs)}, as measured here just now (${candidate}, on ${counted(items, 'item')}).</p>`
}

const plan = async ({ document }, signal) =>
  (await send('POST', '/api/v1/runs', { spec: document, dryRun: true, measure: true }, { signal })).plan
const start = async ({ document }) => {
  const { run } = await send('POST', '/api/v1/runs', { spec: document })
  goTo('evolution', 'runs', run.run)
}

const PLACEHOLDER = `workload:
  kind: merge
  base: village-lm
  parents: [village-lm-arithmetic, village-lm-facts]
  tasks: [{ data: questions.jsonl }]
strategy: tournament
population: 12
limits: { generations: 10 }`

export function Runs({ state }) {
  const { data, error } = useLive('/api/v1/runs', RUN_EVENTS, { everyMs: POLL_MS })
  const runs = [...(data?.runs ?? [])].reverse()
  const isAlone = state.status !== undefined && state.status.village === null
  return html`<${Section} id="runs" title=${html`Runs of evolution ${data === undefined ? null : html`<span class="count">${runs.length}</span>`}`}>
      <p class="soft">Members make candidates, score each other’s in secret first, and build the winner; nobody has to be believed.</p>
      <details class="submit">
        <summary>Start a run</summary>
        ${
          isAlone
            ? html`<${Empty}>A run belongs to a village. <a href=${placeOf('members')}>Create or join one</a> first; a village of one is enough.<//>`
            : html`<${RecipeBox} kind="evolution" state=${state} plan=${plan} Plan=${Plan} start=${start} verb="Announce the run" placeholder=${PLACEHOLDER} />`
        }
      </details>
      <${Read} error=${error} rows=${data === undefined ? undefined : runs} empty="No run yet. Start one here, or wait for another member’s: it shows up by itself.">
        ${(rows) => rows.map((run) => html`<${RunRow} key=${run.run} run=${run} nameOf=${peerNames(state)} />`)}
      <//>
    <//>`
}

/** What King decided: the steps of a request, who could have done them, and why one of them did. */
import { useState } from '../../lib/hooks.js'
import { duration, percent, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerName } from '../../parts/passage.js'
import { placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { nameOfAgent, wordsOfTool } from '../../parts/tool-words.js'
import { Bar, Section, Table } from '../../parts/widgets.js'

const CRITERIA = ['latency', 'energy', 'privacy', 'cost', 'quality']
const PAGE = 25
const MOST = 500

function Ways({ choice, weights, state }) {
  const nameOf = (id) => (id === 'here' ? 'this node' : peerName(id, state))
  return html`<div class="choice-of"><h4>Who does it: ${nameOfAgent(choice.agent)}</h4>
    <${Table} label=${`Ways for ${choice.agent}`} head=${['Way', ...CRITERIA.map((name) => `${name} × ${weights[name]}`), 'Score']}
      rows=${choice.ways.map(({ id, marks, score, estimates }) => ({
        key: id,
        cells: [
          html`<span>${id === choice.chosen ? html`<strong>${nameOf(id)}</strong> (taken)` : nameOf(id)} <small>${duration(estimates.latencyMs)}${estimates.leavesNode ? ', leaves this node' : ''}</small></span>`,
          ...CRITERIA.map(
            (name) =>
              html`<span class="mark">${marks[name].toFixed(2)}<${Bar} share=${marks[name]} label=${`${name} of ${nameOf(id)}`} /></span>`,
          ),
          score.toFixed(2),
        ],
      }))} />
    <p class="foot">${choice.why.replaceAll('here', 'this node')}${choice.tookMs === null ? '' : ` It took ${duration(choice.tookMs)}.`}</p></div>`
}

function Decision({ decision, weights, isOpen, state }) {
  const { id, timeMs, asked, asker, model, steps, notDone, choices, endedAtMs, isRunning } = decision
  const states = steps.map((step) => step.state)
  const outcome =
    endedAtMs === null
      ? isRunning
        ? 'goes on'
        : 'cut off'
      : states.includes('failed')
        ? 'failed in part'
        : states.includes('refused')
          ? 'refused in part'
          : 'done'
  return html`<li class="decision"><details open=${isOpen}>
    <summary><strong>${asked}</strong> <span class="soft">${time(timeMs)} · ${outcome}</span></summary>
    <div class="explain">
      <p class="soft">Asked by ${asker.kind === 'owner' ? 'you' : `${asker.kind} ${asker.id}`}; decided by ${model ?? 'rules'}${endedAtMs === null ? '' : ` in ${duration(endedAtMs - timeMs)}`}.${' '}<a href=${placeOf('agents', 'audit', id)}>The calls of this request</a></p>
      ${steps.length === 0 ? null : html`<${Table} label="Steps" head=${['Step', 'Tool', 'By', 'Why', 'Outcome']} rows=${steps.map((step) => ({ key: step.id, cells: [step.id, html`${wordsOfTool(step.tool)} <code>${step.tool}</code>`, nameOfAgent(step.agent), step.reason, step.state ?? 'not come to'] }))} />`}
      ${choices.map((choice, index) => html`<${Ways} key=${index} choice=${choice} weights=${weights} state=${state} />`)}
      ${notDone.length === 0 ? null : html`<ul class="gaps">${notDone.map(({ text, why }, index) => html`<li key=${index}><strong>Not done:</strong> “${text}”: ${why}</li>`)}</ul>`}
    </div>
  </details></li>`
}

export function Decisions({ state, wanted }) {
  const [limit, setLimit] = useState(PAGE)
  const read = useLive(`/api/v1/decisions?limit=${limit}`, ['agent:request'])
  const { decisions, weights } = read.data ?? {}
  return html`<${Section} id="decisions" title="What King decided">
    ${weights === undefined ? null : html`<p class="foot">Each way to do a step is marked from 0 to 1 and weighed: ${CRITERIA.map((name) => `${name} ${percent(weights[name] / CRITERIA.reduce((sum, one) => sum + weights[one], 0))}`).join(', ')} (<code>agents.weights</code>).</p>`}
    <${Read} error=${read.error} rows=${decisions} lines=${5} empty=${html`Nothing was asked yet. <a href=${placeOf('agents')}>Talk to King</a>.`}>
      ${(rows) => html`<ul class="rows">${rows.map((decision) => html`<${Decision} key=${decision.id} decision=${decision} weights=${weights} isOpen=${decision.id === wanted} state=${state} />`)}</ul>`}
    <//>
    ${decisions?.length === limit && limit < MOST ? html`<button type="button" onClick=${() => setLimit(limit + PAGE)}>Show more</button>` : null}
  <//>`
}

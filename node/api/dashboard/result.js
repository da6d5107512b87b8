/** What a job came to: the totals of a compression, the scores of an evaluation, or plain figures. */
import { bytes, figure } from './format.js'
import { html } from './html.js'
import { Table } from './widgets.js'

/** `bitsPerWeight` → `bits per weight` */
const words = (key) => key.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()

export const Facts = ({ rows }) =>
  html`<dl class="result">${rows.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`

/** The rows of a compression report's totals. */
export function compressionFacts(totals) {
  return [
    ['bits per weight', figure(totals.bitsPerWeight)],
    ['bits per parameter, whole model', figure(totals.bitsPerParameter)],
    ['packed', `${bytes(totals.packedBytes)} of ${bytes(totals.originalBytes)}`],
    ['runnable', bytes(totals.runnableBytes)],
    ['smaller by', `${totals.ratio.toFixed(2)}×`],
    ['relative error', figure(totals.relativeError)],
  ]
}

/** What a compression's report says of the quality; older reports say nothing. */
export function qualityFacts(quality) {
  if (quality === undefined) return []
  const { kept, measure, why } = quality
  const text =
    kept === null
      ? `not measured: ${why}`
      : `${(kept.value * 100).toFixed(1)}% of ${measure} (${(kept.low * 100).toFixed(1)} to ${(kept.high * 100).toFixed(1)})`
  return [['quality kept', text]]
}

/** `{ value, low, high }` as a figure with its 95% interval. */
function Interval({ score }) {
  if (score === undefined) return '–'
  return html`${score.value.toFixed(3)} <small>${score.low.toFixed(3)} to ${score.high.toFixed(3)}</small>`
}

function Evaluation({ result }) {
  return html`<div>
    <${Table} label=${`Scores of the suite ${result.suite}`} head=${['Model', 'Same nearest', 'Rank correlation', 'Mean cosine']}
      rows=${result.models.map(({ model, scores }) => ({
        key: model,
        cells: [
          model,
          html`<${Interval} score=${scores.neighbourAgreement} />`,
          html`<${Interval} score=${scores.spearman} />`,
          html`<${Interval} score=${scores.meanCosine} />`,
        ],
      }))} />
    <p class="foot">${result.suite}, ${result.items} items, compared with ${result.reference}; small: 95% interval</p>
  </div>`
}

const VERDICTS = { second: 'better', first: 'worse', none: 'no difference can be told' }

/** Of a suite over items: its metrics, and how each model compares with the first. */
function Metrics({ result }) {
  const titles = result.models[0].metrics.map(({ title }) => title)
  return html`<div>
    <${Table} label=${`Scores of the suite ${result.suite}`} head=${['Model', ...titles, `Against ${result.reference}`]}
      rows=${result.models.map(({ model, metrics, comparison }) => ({
        key: model,
        cells: [
          model,
          ...metrics.map((metric) => html`<${Interval} score=${metric} />`),
          comparison === null ? '–' : comparison.map(({ verdict }) => VERDICTS[verdict]).join(', '),
        ],
      }))} />
    <p class="foot">${result.suite}, ${result.items} items; small: 95% interval</p>
  </div>`
}

export function Result({ kind, result }) {
  if (kind === 'compress' && result.totals !== undefined)
    return html`<${Facts} rows=${[
      ['new model', result.id],
      ...compressionFacts(result.totals),
      ...qualityFacts(result.quality),
    ]} />`
  if (kind === 'evaluate' && Array.isArray(result.models)) {
    const View = Array.isArray(result.models[0]?.metrics) ? Metrics : Evaluation
    return html`<${View} result=${result} />`
  }
  const plain = Object.entries(result).filter(([, value]) => typeof value !== 'object' || value === null)
  return html`<${Facts} rows=${plain.map(([key, value]) => [words(key), figure(value)])} />`
}

/** What a job came to: the totals of a compression, the scores of an evaluation, or plain figures. */
import { bytes, capital, count, counted, figure } from './format.js'
import { html } from './html.js'
import { Table } from './widgets.js'

/** `bitsPerWeight` → `bits per weight` */
const words = (key) => key.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()

export const Facts = ({ rows }) =>
  html`<dl class="result">${rows.map(([label, value]) => html`<div><dt>${capital(label)}</dt><dd>${value}</dd></div>`)}</dl>`

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

/** As many digits as say something: perplexities may have any size. */
const shown = (value) =>
  Math.abs(value) < 100 ? value.toFixed(3) : value < 1e5 ? count(Math.round(value)) : value.toExponential(2)

/** `{ value, low, high }` as a figure with its 95% interval. */
function Interval({ score }) {
  if (score === undefined) return '–'
  const { value, low, high } = score
  // Bounds that are the figure itself say nothing of it: there was one item, or all were the same.
  if (low === value && high === value) return shown(value)
  return html`${shown(value)} <small>${shown(low)} to ${shown(high)}</small>`
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
    <p class="foot">${result.suite}, ${counted(result.items, 'item')}, compared with ${result.reference}; small: 95% interval</p>
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
    <p class="foot">${result.suite}, ${counted(result.items, 'item')}; small: 95% interval</p>
  </div>`
}

const ENDINGS = { steps: 'all steps done', early: 'stopped early: the held-out loss fell no more' }

/** Of a training: what came of it, and what it is worth on texts that it was not shown. */
function trainingFacts(result) {
  const { id, config, data, step, steps, ended, loss, heldOutBefore, best } = result
  return [
    [config.adapter ? 'new adapter' : 'new model', id],
    ['trained', config.method === 'lora' ? `LoRA of rank ${config.rank}` : 'all weights'],
    ['steps', `${count(step)} of ${count(steps)}; ${ENDINGS[ended] ?? ended}`],
    ['data', `${counted(data.documents, 'document')}, ${counted(data.tokens, 'token')}`],
    ['loss at the end', `${loss.toFixed(4)} nats a token`],
    best === null
      ? ['held out', 'nothing: what it is worth was not measured']
      : [
          'held out',
          `${heldOutBefore.toFixed(4)} before, ${best.heldOutLoss.toFixed(4)} at step ${count(best.step)}, whose weights these are`,
        ],
  ]
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
  if (kind === 'train' && result.config !== undefined) return html`<${Facts} rows=${trainingFacts(result)} />`
  const plain = Object.entries(result).filter(([, value]) => typeof value !== 'object' || value === null)
  return html`<${Facts} rows=${plain.map(([key, value]) => [words(key), figure(value)])} />`
}

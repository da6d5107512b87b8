/** Charts of what a job came to: the errors by tensor of a compression, the scores of an evaluation with their intervals. */
import { useMemo } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { count, figure } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Intervals } from '../../parts/intervals.js'

/** What the scores of vectors are called. */
const SCORES = { spearman: 'Rank correlation', neighbourAgreement: 'Same nearest', meanCosine: 'Mean cosine' }

function Tensors({ tensors }) {
  const series = useMemo(() => {
    const codecs = [...new Set(tensors.map(({ codec }) => codec))]
    return codecs.map((codec, tone) => ({
      label: codec,
      kind: 'points',
      tone: tone % 6,
      points: tensors
        .filter((row) => row.codec === codec)
        .map(({ name, weights, relativeError }) => ({ x: weights, y: relativeError, name })),
    }))
  }, [tensors])
  return html`<h3>Error by tensor</h3>
    <${Chart} label="Relative error by size of the tensor" x=${{ label: 'weights', log: true, format: (value) => count(Math.round(value)) }} y=${{ label: 'relative error', zero: true, format: figure }} series=${series} height=${240} />`
}

/** Pairs of metric and the value of each model. */
function metricsOf(models) {
  const [first] = models
  if (Array.isArray(first?.metrics))
    return first.metrics.map(({ name, title }) => ({
      title,
      rows: models.map(({ model, metrics }) => ({
        model,
        score: metrics.find((metric) => metric.name === name),
      })),
    }))
  return Object.entries(SCORES).map(([name, title]) => ({
    title,
    rows: models.map(({ model, scores }) => ({ model, score: scores?.[name] })),
  }))
}

function Scores({ models }) {
  const metrics = useMemo(
    () =>
      metricsOf(models).flatMap(({ title, rows }) => {
        // The reference of a similarity has no figure of its own.
        const known = rows.filter(({ score }) => typeof score?.value === 'number')
        return known.length === 0 ? [] : [{ title, rows: known }]
      }),
    [models],
  )
  return metrics.map(
    ({ title, rows }) =>
      html`<${Intervals} key=${title} label=${title} head="Model" rows=${rows.map(({ model, score }) => ({ key: model, name: model, ...score }))} />`,
  )
}

export function ResultCharts({ kind, result }) {
  if (kind === 'compress' && Array.isArray(result.tensors) && result.tensors.length > 1)
    return html`<${Tensors} tensors=${result.tensors} />`
  if (kind === 'evaluate' && Array.isArray(result.models) && result.models.length > 1)
    return html`<${Scores} models=${result.models} />`
  return null
}

/** The geometry of a model through its training, or of the best candidates through a run. */
import { useMemo } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { html } from '../../parts/html.js'
import { Section } from '../../parts/widgets.js'

const one = (value) => value.toFixed(1)
const two = (value) => value.toFixed(2)

/** A JSON object a line. */
export const looksOf = (lines) =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/** Most of the arms are `{ id, title, label, series }`; a chart whose values nobody measured is left out. */
function chartsOf(looks, isOfRun) {
  const line = (label, value, more = {}) => ({
    label,
    values: looks.map((look) => value(look) ?? null),
    ...more,
  })
  return [
    {
      id: 'trajectory',
      title: 'Intrinsic dimension of the last hidden states',
      y: { label: 'dimension, ± standard error', zero: true, format: one },
      series: [
        line('dimension', ({ dimension }) => dimension, {
          low: looks.map(({ dimension, standardError }) =>
            dimension === null || standardError === null ? null : dimension - standardError,
          ),
          high: looks.map(({ dimension, standardError }) =>
            dimension === null || standardError === null ? null : dimension + standardError,
          ),
        }),
      ],
    },
    isOfRun
      ? {
          id: 'score',
          title: 'Score',
          y: { label: 'mean score' },
          series: [line('score', ({ mean }) => mean)],
        }
      : {
          id: 'losses',
          title: 'Loss',
          y: { label: 'nats a token' },
          series: [
            line('training', ({ loss }) => loss),
            line('held out', ({ heldOutLoss }) => heldOutLoss, { dashed: true }),
          ],
        },
    {
      id: 'ratio',
      title: 'Participation ratio',
      y: { label: 'directions', zero: true, format: one },
      series: [line('ratio', ({ participationRatio }) => participationRatio)],
    },
    {
      id: 'rank',
      title: 'Stable rank, mean over the matrices',
      y: { label: 'stable rank', zero: true, format: one },
      series: [line('rank', ({ stableRank }) => stableRank)],
    },
    {
      id: 'alpha',
      title: 'Spectral exponent, median over the matrices',
      y: { label: 'α', format: two },
      series: [line('α', ({ alpha }) => alpha)],
    },
  ]
}

export function HistoryCharts({ looks }) {
  const isOfRun = looks[0]?.generation !== undefined
  const { x, charts } = useMemo(
    () => ({
      x: {
        label: isOfRun ? 'generation' : 'step',
        integers: true,
        values: looks.map(({ step, generation }) => step ?? generation + 1),
      },
      charts: chartsOf(looks, isOfRun),
    }),
    [looks],
  )
  const grokking = looks.filter((look) => look.grokking === true)
  return html`<p class="soft">${isOfRun ? 'Of the best candidate of each generation, its last layer on the built-in texts.' : 'Measured on the held-out part, at each look of the training at it.'}</p>
    ${
      grokking.length === 0
        ? null
        : html`<p>A sign of grokking at step ${grokking.map(({ step }) => step).join(', ')}: the representation became simpler while the training had slowed down. Look at the held-out loss beside it.</p>`
    }
    <div class="chart-pairs">
      ${charts.map(({ id, title, y, series }) => html`<${Section} key=${id} id=${id} title=${title}><${Chart} label=${title} x=${x} y=${y} series=${series} /><//>`)}
    </div>`
}

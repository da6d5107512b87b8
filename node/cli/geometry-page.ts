/** The geometry of models, or of one through its training, as one HTML page that needs nothing else: no script, no request. */
import { escapeHtml } from './chart-scale.ts'
import {
  type GeometryView,
  isPowerLaw,
  type LookView,
  type MatrixView,
  type ModelView,
} from './geometry-view.ts'
import { gridChart, lineChart, type Series } from './line-chart.ts'

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--back:#fff;--s0:#0b5cad;--s1:#9a5b00;--s2:#0a6b3d;--s3:#8a2be2;--s4:#b3261e;--s5:#4b5563}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa5b1;--line:#30363d;--back:#0f1419;--s0:#69a9f0;--s1:#e3a34f;--s2:#4cc38a;--s3:#c79bff;--s4:#ff8a80;--s5:#aab4c0}}
body{margin:0 auto;max-width:960px;padding:24px 16px 64px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}
h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.1rem;margin:32px 0 8px}p{margin:6px 0}.soft{color:var(--soft)}
figure{margin:0;overflow-x:auto}svg{width:100%;min-width:640px;height:auto;display:block}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.tick,.label{fill:var(--soft);font-size:12px}.mark{stroke:var(--s4);stroke-dasharray:4 4}
.line{fill:none;stroke-width:2}.cell{fill:var(--s0);stroke:var(--line);stroke-width:.5}
${[0, 1, 2, 3, 4, 5].map((at) => `.line.s${at}{stroke:var(--s${at})}circle.s${at}{fill:var(--s${at})}.key.s${at}{border-color:var(--s${at})}`).join('')}
.legend{font-size:13px}.key{display:inline-block;width:18px;border-top:3px solid;vertical-align:middle;margin:0 6px 0 14px}
`

function page(title: string, about: string, charts: readonly (string | null)[]): string {
  const shown = charts.filter((chart) => chart !== null)
  const body = shown.length === 0 ? '<p>There is nothing to draw.</p>' : shown.join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1><p class="soft">${escapeHtml(about)}</p>
${body}
</body></html>
`
}

const byLayer = (
  models: readonly ModelView[],
  value: (layer: NonNullable<ModelView['layers']>[0]) => number | null,
): Series[] =>
  models.flatMap(({ model, layers }) =>
    layers === null
      ? []
      : [{ name: model, points: layers.map((layer, at) => [at + 1, value(layer)] as const) }],
  )

const byMatrix = (models: readonly ModelView[], value: (matrix: MatrixView) => number | null): Series[] =>
  models.map(({ model, matrices }) => ({
    name: model,
    points: matrices.map((matrix, at) => [at + 1, value(matrix)] as const),
  }))

export function geometryPage({ models, pairs }: GeometryView): string {
  const title = `Geometry of ${models.map(({ model }) => model).join(', ')}`
  const texts = models.map(({ texts: counted }) => counted).find((counted) => counted > 0)
  const about =
    texts === undefined
      ? 'Of the weights alone.'
      : `Layers on ${texts} texts, numbered from the input on; matrices in the order of the file.`
  const layer = 'layer'
  const matrix = 'matrix'
  return page(title, about, [
    lineChart({
      title: 'Intrinsic dimension by layer',
      x: layer,
      y: 'dimension (two nearest neighbours)',
      series: byLayer(models, ({ intrinsic }) => intrinsic?.dimension ?? null),
      fromZero: true,
    }),
    lineChart({
      title: 'Participation ratio by layer',
      x: layer,
      y: 'directions',
      series: byLayer(models, ({ principal }) => principal?.participationRatio ?? null),
      fromZero: true,
    }),
    lineChart({
      title: 'Stable rank by matrix',
      x: matrix,
      y: 'stable rank',
      series: byMatrix(models, ({ stableRank }) => stableRank),
      fromZero: true,
    }),
    lineChart({
      title: 'Spectral exponent by matrix, where the tail may be a power law (p above 0.1)',
      x: matrix,
      y: 'alpha',
      series: byMatrix(models, ({ tail }) =>
        tail === null || (tail.p !== null && !isPowerLaw(tail.p)) ? null : tail.alpha,
      ),
    }),
    lineChart({
      title: 'Loss on the line from the first model',
      x: 'share of the way',
      y: 'nats a token',
      series: pairs.flatMap(({ second, barrier }) =>
        barrier === null
          ? []
          : [{ name: `to ${second}`, points: barrier.line.map(({ t, loss }) => [t, loss] as const) }],
      ),
    }),
    ...pairs.map(({ first, second, alignment }) =>
      alignment === null || alignment.first.length === 0
        ? null
        : gridChart({
            title: `Debiased CKA of ${first} and ${second}`,
            rows: alignment.first,
            columns: alignment.second,
            rowsOf: first,
            columnsOf: second,
            values: alignment.debiased,
          }),
    ),
  ])
}

/** Of a training by step, or of a run by generation. */
export function historyPage(title: string, looks: readonly LookView[]): string {
  const isOfRun = looks[0]?.generation !== undefined
  const placeOf = (look: LookView) => look.step ?? look.generation ?? 0
  const marks = looks
    .filter(({ grokking }) => grokking === true)
    .map((look) => ({ x: placeOf(look), text: 'grokking' }))
  const line = (name: string, value: (look: LookView) => number | null | undefined): Series => ({
    name,
    points: looks.map((look) => [placeOf(look), value(look) ?? null] as const),
  })
  const chart = (name: string, y: string, series: readonly Series[], fromZero: boolean) =>
    lineChart({ title: name, x: isOfRun ? 'generation' : 'step', y, series, marks, fromZero })
  const about = isOfRun
    ? 'Of the best candidate of each generation, its last layer on the built-in texts.'
    : 'Measured on the held-out part, at each look of the training at it.'
  return page(title, about, [
    chart(
      'Intrinsic dimension of the hidden states',
      'dimension',
      [line('dimension', (look) => look.dimension)],
      true,
    ),
    isOfRun
      ? chart('Score', 'mean score', [line('score', ({ mean }) => mean)], false)
      : chart(
          'Loss',
          'nats a token',
          [line('training', ({ loss }) => loss), line('held out', ({ heldOutLoss }) => heldOutLoss)],
          false,
        ),
    chart('Participation ratio', 'directions', [line('ratio', (look) => look.participationRatio)], true),
    chart(
      'Stable rank, mean over the matrices',
      'stable rank',
      [line('rank', (look) => look.stableRank)],
      true,
    ),
    chart(
      'Spectral exponent, median over the matrices',
      'alpha',
      [line('alpha', (look) => look.alpha)],
      false,
    ),
  ])
}

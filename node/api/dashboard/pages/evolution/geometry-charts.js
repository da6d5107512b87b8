/** Charts of the geometry of models: by layer, by matrix, and between two models. */
import { useMemo } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Empty, Section } from '../../parts/widgets.js'
import { HeatMap } from './heat-map.js'

/** Names of a file's weights share these parts. */
export const brief = (name) => name.replace(/^model\./, '').replace(/\.weight$/, '')
/** Below it the tail is no power law, and its exponent means nothing (Clauset et al. 2009). */
const MIN_FIT = 0.1

const one = (value) => value.toFixed(1)
const two = (value) => value.toFixed(2)

/** Rows of several models beside one another: place by place, named by the model that has most. */
function axisOf(label, lists, nameOf) {
  const longest = lists.reduce((most, list) => (list.length > most.length ? list : most), [])
  return {
    label,
    integers: true,
    values: longest.map((_, at) => at + 1),
    names: longest.map((row, at) => `${label} ${at + 1}, ${brief(nameOf(row))}`),
  }
}

const line = (label, rows, length, value, more = {}) => ({
  label,
  values: Array.from({ length }, (_, at) => (rows[at] === undefined ? null : value(rows[at]))),
  ...more,
})

function dimension(model, layers, length) {
  const known = ({ intrinsic }) => intrinsic !== null && intrinsic.dimension !== null
  // The standard error is of the estimate as it was made; the correction stretches both.
  const error = ({ intrinsic }) =>
    (intrinsic.standardError * intrinsic.dimension) / intrinsic.maximumLikelihood
  return {
    ...line(model, layers, length, (layer) => (known(layer) ? layer.intrinsic.dimension : null)),
    low: line(model, layers, length, (layer) =>
      known(layer) ? layer.intrinsic.dimension - error(layer) : null,
    ).values,
    high: line(model, layers, length, (layer) =>
      known(layer) ? layer.intrinsic.dimension + error(layer) : null,
    ).values,
  }
}

const exponent = ({ tail }) => (tail === null || (tail.p !== null && tail.p <= MIN_FIT) ? null : tail.alpha)

function useSeries(models) {
  return useMemo(() => {
    const layered = models.filter(({ layers }) => layers !== null)
    const layerAxis = axisOf(
      'layer',
      layered.map(({ layers }) => layers),
      ({ layer }) => layer,
    )
    const matrixAxis = axisOf(
      'matrix',
      models.map(({ matrices }) => matrices),
      ({ name }) => name,
    )
    const layerCount = layerAxis.values.length
    const matrixCount = matrixAxis.values.length
    const byMatrix = (value, more) =>
      models.map(({ model, matrices }) => line(model, matrices, matrixCount, value, more))
    return {
      layerAxis,
      matrixAxis,
      dimension: layered.map(({ model, layers }) => dimension(model, layers, layerCount)),
      participation: layered.map(({ model, layers }) =>
        line(model, layers, layerCount, ({ principal }) => principal?.participationRatio ?? null),
      ),
      stable: byMatrix(({ stableRank }) => stableRank),
      effective: byMatrix(({ effectiveRank }) => effectiveRank),
      entropy: byMatrix(({ entropy }) => entropy),
      exponent: byMatrix(exponent, { kind: 'points' }),
    }
  }, [models])
}

function Barrier({ pairs }) {
  const { x, series } = useMemo(() => {
    const measured = pairs.filter(({ barrier }) => barrier !== null)
    return {
      x: {
        label: 'share of the way',
        values: measured[0]?.barrier.line.map(({ t }) => t) ?? [],
        format: two,
      },
      series: measured.map(({ second, barrier }) => ({
        label: `to ${second}`,
        values: barrier.line.map(({ loss }) => loss),
      })),
    }
  }, [pairs])
  const notes = pairs.flatMap(({ first, second, barrier, noBarrier }) => {
    if (barrier === null) return noBarrier === null ? [] : [`${first} and ${second}: ${noBarrier}`]
    const chanceLoss = barrier.vocabulary === undefined ? null : Math.log(barrier.vocabulary)
    const isIgnorant =
      chanceLoss !== null && [barrier.line[0], barrier.line.at(-1)].every(({ loss }) => loss > chanceLoss)
    return [
      `${first} to ${second}: ${barrier.height.toFixed(4)} nats above the line between the ends, at ${two(barrier.at)} of the way${isIgnorant ? '; both ends are worse than chance on these texts, so that the losses say nothing' : ''}`,
    ]
  })
  return html`<${Section} id="barrier" title="Loss on the way from the first model">
    <${Chart} label="Loss on the straight line between the weights" x=${x} y=${{ label: 'nats a token' }} series=${series} empty="No barrier was measured." />
    <ul>${notes.map((note) => html`<li class="soft">${note}</li>`)}</ul>
  <//>`
}

export function GeometryCharts({ result }) {
  const { models, pairs } = result
  const series = useSeries(models)
  const texts = models.find((model) => model.texts > 0)?.texts
  const layered = series.layerAxis.values.length > 0
  return html`<p class="soft">${texts === undefined ? 'Of the weights alone: no model reads texts.' : `Layers on ${counted(texts, 'text')}, numbered from the input on; matrices in the order of the file.`}</p>
    <div class="chart-pairs">
      ${
        layered
          ? html`<${Section} id="dimension" title="Intrinsic dimension by layer"><${Chart} label="Intrinsic dimension by layer" x=${series.layerAxis} y=${{ label: 'dimension, ± standard error', zero: true, format: one }} series=${series.dimension} /><//>
              <${Section} id="participation" title="Participation ratio by layer"><${Chart} label="Participation ratio by layer" x=${series.layerAxis} y=${{ label: 'directions', zero: true, format: one }} series=${series.participation} /><//>`
          : null
      }
      <${Section} id="stable" title="Stable rank by matrix"><${Chart} label="Stable rank by matrix" x=${series.matrixAxis} y=${{ label: 'stable rank', zero: true, format: one }} series=${series.stable} /><//>
      <${Section} id="effective" title="Effective rank by matrix"><${Chart} label="Effective rank by matrix" x=${series.matrixAxis} y=${{ label: 'effective rank', zero: true, format: one }} series=${series.effective} empty="Not known of matrices as large as these." /><//>
      <${Section} id="exponent" title="Spectral exponent by matrix"><${Chart} label="Spectral exponent by matrix, where the tail may be a power law" x=${series.matrixAxis} y=${{ label: 'α, where p is above 0.1', format: two }} series=${series.exponent} empty="No matrix has a tail that may be a power law." /><//>
      <${Section} id="entropy" title="Entropy of the spectrum by matrix"><${Chart} label="Entropy of the spectrum by matrix" x=${series.matrixAxis} y=${{ label: '1: all directions alike', zero: true, format: two }} series=${series.entropy} empty="Not known of matrices as large as these." /><//>
    </div>
    ${pairs.length === 0 ? null : html`<${Barrier} pairs=${pairs} />`}
    ${pairs.map(
      ({ first, second, alignment }) =>
        html`<${Section} key=${second} id=${`cka-${second}`} title=${`How alike ${first} and ${second} see the texts`}>
          <p class="soft">Debiased CKA with linear kernels: 1 is the same up to a rotation, 0 has nothing in common.</p>
          ${
            alignment === null || alignment.first.length === 0
              ? html`<${Empty}>It was not measured: there are no layers to compare.<//>`
              : html`<${HeatMap} label=${`Debiased CKA of ${first} and ${second}`} rowsOf=${first} columnsOf=${second}
                  rows=${alignment.first.map(brief)} columns=${alignment.second.map(brief)} values=${alignment.debiased} />`
          }
        <//>`,
    )}`
}

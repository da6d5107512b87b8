/** The tensors of a model: what each is, and for a compressed model what became of each weight. */
import { useMemo, useState } from '../../lib/hooks.js'
import { DataTable } from '../../parts/data-table.js'
import { bytes, count, figure } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Loading, Problem } from '../../parts/widgets.js'
import { ResultCharts } from '../jobs/result-charts.js'

const name = (row) => html`<span class="name">${row.name}</span>`
const elements = ({ dims }) => dims.reduce((product, dim) => product * dim, 1)

const PLAIN = [
  { title: 'Tensor', value: (row) => row.name, cell: name },
  { title: 'Shape', value: (row) => row.dims.join(' × '), cell: (_, value) => value || 'scalar' },
  { title: 'Type', value: (row) => row.type },
  { title: 'Elements', value: elements, numeric: true, cell: (_, value) => count(value) },
  { title: 'Size', value: (row) => row.sizeBytes, numeric: true, cell: (_, value) => bytes(value) },
  { title: 'Codecs', value: (row) => (row.compressible ? 'may compress it' : 'leave it') },
]

const COMPRESSED = [
  { title: 'Weight', value: (row) => row.name, cell: name },
  { title: 'Codec', value: (row) => row.codec },
  { title: 'Weights', value: (row) => row.weights, numeric: true, cell: (_, value) => count(value) },
  { title: 'Bits', value: (row) => row.bitsPerWeight, numeric: true, cell: (_, value) => figure(value) },
  { title: 'Packed', value: (row) => row.packedBytes, numeric: true, cell: (_, value) => bytes(value) },
  {
    title: 'Relative error',
    value: (row) => row.relativeError,
    numeric: true,
    cell: (_, value) => figure(value),
  },
  {
    title: 'Lost by outputs',
    value: (row) => row.weightedError ?? null,
    numeric: true,
    cell: (_, value) => (value === null ? '–' : figure(value)),
  },
  {
    title: 'Runs as',
    value: (row) =>
      row.runtime === null
        ? null
        : `${row.runtime}${row.runtimeBits === null ? '' : `, ${row.runtimeBits} bits`}`,
  },
]

function Graph({ model }) {
  const { data, error, loading } = useLive(`/api/v1/models/${encodeURIComponent(model.id)}`)
  const rows = useMemo(() => data?.details.tensors ?? [], [data])
  if (loading) return html`<${Loading} lines=${6} />`
  if (data === undefined) return html`<${Problem} error=${error} />`
  const { inputs, outputs, operators, opsets, card } = data.details
  const ports = (list) =>
    list.map(
      (port) =>
        html`<li><code>${port.name}</code> <small>${port.type} [${port.dims.map((dim) => dim ?? '?').join(', ')}]</small></li>`,
    )
  return html`<${DataTable} label=${`Tensors of ${model.id}`} noun="tensor" rows=${rows} keyOf=${(row) => row.name} columns=${PLAIN}
      search=${(row) => `${row.name} ${row.type}`} sort=${[4, 'descending']} />
    <div class="two files">
      <div><h3>Inputs</h3><ul>${ports(inputs)}</ul></div>
      <div><h3>Outputs</h3><ul>${ports(outputs)}</ul></div>
    </div>
    <details><summary>Operators</summary>
      <p>${Object.entries(operators)
        .sort((a, b) => b[1] - a[1])
        .map(([operator, amount]) => `${operator} × ${amount}`)
        .join(', ')}</p>
      <p class="foot">${opsets.map(({ domain, version }) => `${domain || 'ai.onnx'} ${version}`).join(', ')}</p></details>
    ${card === null ? null : html`<details><summary>Card</summary><pre class="parameters" tabindex="0">${JSON.stringify(card, null, 2)}</pre></details>`}`
}

export function Tensors({ model }) {
  const compressed = model.report?.tensors
  const isCompressed = Array.isArray(compressed) && model.report.totals !== undefined
  const [shown, setShown] = useState(isCompressed ? 'weights' : 'graph')
  if (!isCompressed) return html`<${Graph} model=${model} />`
  return html`<div class="tabs" role="group" aria-label="Which tensors">
      <button type="button" aria-pressed=${shown === 'weights'} onClick=${() => setShown('weights')}>what became of each weight</button>
      <button type="button" aria-pressed=${shown === 'graph'} onClick=${() => setShown('graph')}>the graph that runs</button>
    </div>
    ${
      shown === 'graph'
        ? html`<${Graph} model=${model} />`
        : html`<${DataTable} label=${`Compressed weights of ${model.id}`} noun="weight" rows=${compressed} keyOf=${(row) => row.name} columns=${COMPRESSED}
              search=${(row) => `${row.name} ${row.codec}`} sort=${[5, 'descending']} />
            <${ResultCharts} kind="compress" result=${model.report} />`
    }`
}

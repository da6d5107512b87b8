/** All models of this node, those that are on their way, and those that members share. */

import { DataTable } from '../../parts/data-table.js'
import { bytes, count, counted, figure } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Empty, Loading, Section } from '../../parts/widgets.js'
import { bitsOf, codecOf, keptOf, keptText, kindWords } from './model-words.js'
import { Pulls } from './pulls.js'
import { Shares } from './shares.js'

const COLUMNS = [
  {
    title: 'Model',
    value: ({ id }) => id,
    cell: (model) => html`<span class="name"><a href=${placeOf('models', model.id)}>${model.id}</a>
      <small> ${codecOf(model)}</small></span>`,
  },
  { title: 'Kind', value: kindWords },
  {
    title: 'From',
    value: ({ parent }) => parent,
    cell: (_, parent) => (parent === null ? '–' : html`<a href=${placeOf('models', parent)}>${parent}</a>`),
  },
  {
    title: 'Parameters',
    value: ({ parameters }) => parameters,
    numeric: true,
    cell: (_, value) => count(value),
  },
  {
    title: 'Size',
    value: ({ sizeBytes }) => sizeBytes,
    numeric: true,
    cell: ({ report }, value) =>
      html`${bytes(value)}${report?.totals === undefined ? null : html`<br /><small>${bytes(report.totals.packedBytes)} packed</small>`}`,
  },
  {
    title: 'Bits a parameter, packed',
    value: bitsOf,
    numeric: true,
    cell: (_, value) => (value === null ? '–' : figure(Math.round(value * 100) / 100)),
  },
  {
    title: 'Quality kept',
    value: (model) => keptOf(model)?.value ?? null,
    numeric: true,
    cell: (model) => keptText(keptOf(model)) ?? (model.report?.totals === undefined ? '–' : 'not measured'),
  },
  {
    title: '',
    value: ({ shared, doubt }) => `${shared} ${doubt !== null}`,
    cell: ({ shared, doubt }) =>
      html`${shared ? html`<span class="state running">shared</span>` : null} ${doubt === null ? null : html`<span class="state doubted">doubted</span>`}`,
  },
]

export function ModelList({ state, refresh }) {
  const { models, pulls } = state
  return html`<div class="stack">
    <${Section} id="models" title=${models === undefined ? 'Models' : counted(models.length, 'model')}
      aside=${html`<span class="job-actions"><a class="button" href="#models/~artifacts">Artifacts</a> <a class="button primary" href="#models/~add">Add a model</a></span>`}>
      ${pulls === undefined ? null : html`<${Pulls} pulls=${pulls} refresh=${refresh} />`}
      ${
        models === undefined
          ? html`<${Loading} lines=${6} />`
          : models.length === 0
            ? html`<${Empty}>No models yet. <a href="#models/~add">Add one</a>: the embedded encoder is a good first one, and needs no download.<//>`
            : html`<${DataTable} label="Models" noun="model" rows=${models} keyOf=${({ id }) => id} columns=${COLUMNS}
                search=${(model) => `${model.id} ${model.name} ${kindWords(model)} ${codecOf(model)} ${model.parent ?? ''}`} />`
      }
    <//>
    <${Shares} state=${state} refresh=${refresh} />
  </div>`
}

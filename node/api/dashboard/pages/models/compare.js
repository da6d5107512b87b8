/** Every compressed form of a model side by side: how small it is against what it keeps, as it was measured; and more of them. */
import { useMemo, useState } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { send } from '../../parts/connection.js'
import { DataTable } from '../../parts/data-table.js'
import { bytes, figure } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, useAction } from '../../parts/widgets.js'
import { CompressForm, canCompress } from '../jobs/compress-form.js'
import { JobLine } from '../jobs/running.js'
import { measuresOf, SIZES } from './measures.js'
import { codecOf, formsOf, keptOf, keptText } from './model-words.js'

/** Models of one evaluation. */
const MAX_EVALUATED = 32

const rounded = (value) => String(Math.round(value * 100) / 100)

function Choice({ label, value, options, onChange }) {
  return html`<label class="inline-label">${label}
    <select value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
      ${options.map(([key, title]) => html`<option value=${key}>${title}</option>`)}
    </select></label>`
}

function Plot({ model, forms, evaluations }) {
  const measures = useMemo(() => measuresOf(model, forms, evaluations), [model, forms, evaluations])
  const [wanted, setMeasure] = useState(null)
  const [size, setSize] = useState('bits')
  const measure = measures.find(({ key }) => key === wanted) ?? measures[0]
  const axis = SIZES.find(({ name }) => name === size)
  const drawn = useMemo(() => {
    if (measure === undefined) return { series: [], picks: [] }
    const codecs = [...new Set(forms.map(({ report }) => report.codec))]
    const rows = codecs
      .map((codec, tone) => ({
        codec,
        tone: tone % 6,
        of: forms.filter(
          (form) =>
            form.report.codec === codec && measure.of(form) !== undefined && axis.of(form) !== undefined,
        ),
      }))
      .filter(({ of }) => of.length > 0)
    return {
      picks: rows.map(({ of }) => of.map(({ id }) => id)),
      series: rows.map(({ codec, tone, of }) => ({
        ...{ label: codec, kind: 'points', tone },
        points: of.map((form) => {
          const { value, low, high } = measure.of(form)
          const isBare = low === value && high === value
          return { x: axis.of(form), y: value, name: form.id, ...(isBare ? {} : { low, high }) }
        }),
      })),
    }
  }, [measure, axis, forms])
  if (measures.length === 0)
    return html`<${Empty}>None of these forms was measured yet. “Measure them all” below does it; a compression also measures what it keeps, where a suite fits.<//>`
  const unmeasured = forms.filter((form) => measure.of(form) === undefined)
  return html`<div class="choices">
      <${Choice} label="Quality" value=${measure.key} onChange=${setMeasure} options=${measures.map(({ key, title }) => [key, title])} />
      <${Choice} label="against" value=${size} onChange=${setSize} options=${SIZES.map(({ name, title }) => [name, title])} />
    </div>
    <${Chart} label=${`${measure.title} against ${axis.title}`} height=${300} x=${{ label: axis.title, format: rounded }}
      y=${{ label: measure.title, ...(measure.format === undefined ? {} : { format: measure.format }) }} series=${drawn.series}
      marks=${measure.original === null ? [] : [{ value: measure.original.value, label: model.id }]}
      onPick=${({ series, index }) => drawn.picks[series]?.[index] && goTo('models', drawn.picks[series][index])} />
    <p class="foot">Bars are 95% intervals${measure.original === null ? '' : '; the dashed line is the original'}.${unmeasured.length > 0 ? ` Not measured by this: ${unmeasured.map(({ id }) => id).join(', ')}.` : ''}</p>`
}

const COLUMNS = (model) => [
  {
    title: 'Model',
    value: ({ id }) => id,
    cell: (_, id) => html`<a class="name" href=${placeOf('models', id)}>${id}</a>`,
  },
  { title: 'Codec', value: codecOf },
  {
    title: 'Bits a weight',
    value: ({ report }) => report.totals.bitsPerWeight,
    numeric: true,
    cell: (_, value) => figure(value),
  },
  {
    title: 'Packed',
    value: ({ report }) => report.totals.packedBytes,
    numeric: true,
    cell: (_, value) => bytes(value),
  },
  {
    title: 'Runnable',
    value: ({ report }) => report.totals.runnableBytes,
    numeric: true,
    cell: (_, value) => bytes(value),
  },
  {
    title: 'Smaller by',
    value: ({ report }) => report.totals.ratio,
    numeric: true,
    cell: (_, value) => `${value.toFixed(2)}×`,
  },
  {
    title: 'Relative error',
    value: ({ report }) => report.totals.relativeError,
    numeric: true,
    cell: (_, value) => figure(value),
  },
  {
    title: 'Quality kept',
    value: (form) => keptOf(form)?.value ?? null,
    numeric: true,
    cell: (form) => keptText(keptOf(form)) ?? 'not measured',
  },
  {
    title: '',
    value: () => '',
    cell: ({ id }) =>
      html`<a href=${placeOf('models', model.id, 'evaluations', id)} aria-label=${`Compare ${id} with ${model.id}`}>compare</a>`,
  },
]

/** Puts one suite to the original and all of its forms, so that they can be told apart item by item. */
function MeasureAll({ model, forms, suites }) {
  const [suite, setSuite] = useState(suites[0]?.name)
  const { busy, error, act } = useAction(() =>
    send('POST', '/api/v1/jobs', {
      kind: 'evaluate',
      params: { models: [model.id, ...forms.map(({ id }) => id)].slice(0, MAX_EVALUATED), suite },
    }),
  )
  if (suites.length === 0 || forms.length === 0) return null
  return html`<div class="choices">
    <${Choice} label="Suite" value=${suite} onChange=${setSuite} options=${suites.map(({ name, title }) => [name, title])} />
    <button type="button" disabled=${busy} onClick=${() => act()}>Measure them all</button>
    </div><${Problem} error=${error} />`
}

/** Jobs of this model that go on. */
function Going({ model, forms, state }) {
  const ids = new Set([model.id, ...forms.map(({ id }) => id)])
  const jobs = (state.jobs ?? []).filter(
    ({ state: jobState, params }) =>
      jobState === 'running' &&
      (ids.has(params.model) || (Array.isArray(params.models) && params.models.some((id) => ids.has(id)))),
  )
  if (jobs.length === 0) return null
  return html`<h3>Going on</h3><ul class="job-lines">${jobs.map((job) => html`<${JobLine} key=${job.id} job=${job} tasks=${state.tasks?.[job.id]} />`)}</ul>`
}

/** Compressions of this model that were refused or failed: a form that is missing has a reason. */
function Refused({ model, state }) {
  const jobs = (state.jobs ?? [])
    .filter(
      ({ state: jobState, kind, params }) =>
        jobState === 'failed' && kind === 'compress' && params.model === model.id,
    )
    .slice(-3)
  return jobs.map(
    ({ id, error, params }) =>
      html`<p class="doubt" key=${id}><a href=${placeOf('jobs', id)}>${params.codec}</a> gave no model${error === null ? '' : `: ${error.message}`}</p>`,
  )
}

export function Compare({ model, state }) {
  const original = state.models.find(({ id }) => id === model.parent)
  const subject = model.report?.totals !== undefined && original !== undefined ? original : model
  const forms = useMemo(() => formsOf(subject, state.models), [subject, state.models])
  const { data, error, loading } = useLive('/api/v1/evaluations', ['job:changed'], {
    only: ({ kind, state: jobState }) => kind === 'evaluate' && jobState !== 'running',
  })
  const suites = (state.catalog?.suites ?? []).filter(({ kinds }) => kinds.includes(subject.kind))
  const [started, setStarted] = useState(0)
  const starting = useAction(async (bodies) => {
    setStarted(0)
    for (const [index, body] of bodies.entries()) {
      await send('POST', '/api/v1/jobs', body)
      setStarted(index + 1)
    }
  })
  return html`${subject.id === model.id ? null : html`<p class="foot">Forms of <a href=${placeOf('models', subject.id, 'compare')}>${subject.id}</a>, of which this is one.</p>`}
    <${Problem} error=${error} />
    ${
      forms.length === 0
        ? html`<${Empty}>${subject.id} has no compressed form yet. Tick a few codecs below to make some and compare them.<//>`
        : loading
          ? html`<${Loading} lines=${6} />`
          : html`<${Plot} model=${subject} forms=${forms} evaluations=${data?.evaluations ?? []} />
            <${DataTable} label=${`Compressed forms of ${subject.id}`} noun="form" rows=${forms} keyOf=${({ id }) => id} columns=${COLUMNS(subject)}
              search=${(form) => `${form.id} ${codecOf(form)}`} sort=${[2, 'ascending']} />
            <${MeasureAll} model=${subject} forms=${forms} suites=${suites} />`
    }
    <${Going} model=${subject} forms=${forms} state=${state} />
    <${Refused} model=${subject} state=${state} />
    ${
      canCompress(subject) && state.catalog !== undefined
        ? html`<details class="submit" open=${forms.length === 0}>
            <summary>Compress ${subject.id}</summary>
            <${CompressForm} models=${[subject]} catalog=${state.catalog} model=${subject.id} act=${starting.act} busy=${starting.busy} />
            <${Problem} error=${starting.error} />
            ${started > 0 && starting.error === null ? html`<p role="status">${started === 1 ? 'The job is' : `${started} jobs are`} under way; the forms appear above.</p>` : null}
          </details>`
        : null
    }`
}

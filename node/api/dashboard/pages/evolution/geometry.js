/** Geometry: the form for a measurement of models or of a run, and the measurements that there are. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Bar, Empty, Loading, Problem, Section, Table, textOf, useForm } from '../../parts/widgets.js'
import { RUN_EVENTS } from './runs.js'
import { isOver } from './words.js'

const MAX_MODELS = 16
/** What has plain matrices; packed models and adapters are refused. */
const isMeasurable = ({ kind }) => kind !== 'packed' && kind !== 'adapter'

const hasGeometry = (job) =>
  job.kind === 'geometry' ||
  job.kind === 'geometry-run' ||
  (job.kind === 'train' && typeof job.result?.geometry === 'string')

const KINDS = { geometry: 'models', 'geometry-run': 'a run of evolution', train: 'a training' }

function subjectOf({ kind, params, result }) {
  if (kind === 'geometry')
    return (result?.models?.map(({ model }) => model) ?? params?.models ?? []).join(', ')
  return String(result?.id ?? result?.name ?? params?.model ?? '–')
}

function MeasureForm({ models, left }) {
  const [chosen, setChosen] = useState([])
  const { busy, error, submit } = useForm(async (form) => {
    const number = (name) => Number(form.get(name))
    const data = textOf(form, 'data')
    const params = {
      models: chosen,
      texts: number('texts'),
      bootstrap: number('bootstrap'),
      barrierPoints: number('barrierPoints'),
      ...(data === '' ? {} : { data }),
    }
    const job = await send('POST', '/api/v1/jobs', { kind: 'geometry', params })
    goTo('evolution', 'geometry', job.id)
  })
  const toggle = (id) =>
    setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(0, MAX_MODELS))
  if (models.length === 0)
    return html`<${Empty}>No model of this node can be measured. <a href=${placeOf('models')}>Add one</a> first.<//>`
  return html`<form class="form" onSubmit=${submit}>
    <fieldset class="choices"><legend>Models; each further one is compared with the first that you choose</legend>
      ${models.map(
        ({ id }) =>
          html`<label class="check" key=${id}><input type="checkbox" checked=${chosen.includes(id)} onChange=${() => toggle(id)} />${id}${chosen[0] === id && chosen.length > 1 ? ' (the first)' : ''}</label>`,
      )}
    </fieldset>
    ${left === 0 ? null : html`<p class="foot">Packed models and adapters (${left} here) have no plain matrices and are not in the list; a packed one can be unpacked on its page.</p>`}
    <div class="form-row">
      <label>Texts at most<input name="texts" type="number" min="25" max="4096" defaultValue="512" required /></label>
      <label>Synthetic sets for each fit<input name="bootstrap" type="number" min="0" max="2500" defaultValue="100" required /></label>
      <label>Points of the barrier<input name="barrierPoints" type="number" min="0" max="51" defaultValue="11" required /></label>
    </div>
    <label>File of texts on the daemon’s machine, one a line (left empty: the built-in sentences)<input name="data" autocomplete="off" placeholder="/home/me/texts.txt" /></label>
    <${Problem} error=${error} />
    <button type="submit" class="primary" disabled=${busy || chosen.length === 0}>${busy ? 'Starting…' : 'Measure'}</button>
  </form>`
}

function RunForm() {
  const { data } = useLive('/api/v1/runs', RUN_EVENTS)
  const { busy, error, submit } = useForm(async (form) => {
    const params = { run: textOf(form, 'run') }
    const job = await send('POST', '/api/v1/jobs', { kind: 'geometry-run', params })
    goTo('evolution', 'geometry', job.id)
  })
  const runs = (data?.runs ?? [])
    .filter((run) => isOver(run) && run.workload !== 'agent' && run.generation > 0)
    .reverse()
  if (runs.length === 0) return html`<${Empty}>No run of models has ended here yet.<//>`
  return html`<form class="form inline" onSubmit=${submit}>
      <label>The best of each generation of<select name="run">${runs.map((run) => html`<option value=${run.run}>${`${run.name}, ${time(run.announcedAtMs)}`}</option>`)}</select></label>
      <button type="submit" class="primary" disabled=${busy}>${busy ? 'Starting…' : 'Measure'}</button>
    </form>
    <${Problem} error=${error} />`
}

export function Geometry({ state }) {
  const jobs = (state.jobs ?? []).filter(hasGeometry).reverse()
  return html`<${Section} id="measure" title="Measure the geometry of models">
      <p class="soft">How many directions the layers use, how weights are spread, how alike two models see the same texts, and whether the straight line between them stays good. It runs on this node alone; nothing is published.</p>
      ${state.models === undefined ? html`<${Loading} lines=${3} />` : html`<${MeasureForm} models=${state.models.filter(isMeasurable)} left=${state.models.filter((model) => !isMeasurable(model)).length} />`}
      <h3 class="below">Through a run of evolution</h3>
      <${RunForm} />
    <//>
    <${Section} id="measurements" title=${html`Measurements ${state.jobs === undefined ? null : html`<span class="count">${jobs.length}</span>`}`}>
      ${
        state.jobs === undefined
          ? html`<${Loading} lines=${2} />`
          : jobs.length === 0
            ? html`<${Empty}>None yet. Trainings with geometry show up here too.<//>`
            : html`<${Table} label="Measurements" head=${['When', 'Of', 'What', 'State']}
                rows=${jobs.slice(0, 40).map((job) => ({
                  key: job.id,
                  cells: [
                    html`<a href=${placeOf('evolution', 'geometry', job.id)}>${time(job.createdAtMs)}</a>`,
                    KINDS[job.kind],
                    html`<span class="name">${subjectOf(job)}</span>`,
                    job.state === 'running'
                      ? html`<${Bar} share=${job.total === 0 ? 0 : job.done / job.total} label="Measured so far" />`
                      : html`<span class=${`state ${job.state}`}>${job.state}</span>`,
                  ],
                }))} />`
      }
    <//>`
}

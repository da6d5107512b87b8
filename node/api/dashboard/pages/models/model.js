/** One model: what it is and where it comes from, and its views, an address each. */
import { download, send } from '../../parts/connection.js'
import { bytes, count, figure, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { goTo, placeOf } from '../../parts/place.js'
import { compressionFacts, Facts, qualityFacts } from '../../parts/result.js'
import { useTitle } from '../../parts/title.js'
import { Confirm, Copy, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { Compare } from './compare.js'
import { Evaluations } from './evaluations.js'
import { Generate } from './generate.js'
import { Lineage } from './lineage.js'
import { codecOf, formsOf, kindWords } from './model-words.js'
import { Tensors } from './tensors.js'
import { Unpack } from './unpack.js'

/** Views by name, with the models that have them. */
const VIEWS = [
  { name: 'facts', title: 'Facts', fits: () => true },
  { name: 'tensors', title: 'Tensors', fits: () => true },
  { name: 'compare', title: 'Compress and compare', fits: ({ kind }) => kind !== 'adapter' },
  { name: 'evaluations', title: 'Evaluations', fits: ({ kind }) => ['language', 'encoder'].includes(kind) },
  { name: 'generate', title: 'Generate', fits: ({ kind }) => kind === 'language' },
]

function Actions({ model, refresh }) {
  const { id, cid, shared } = model
  const share = useAction(() =>
    send('PUT', `/api/v1/models/${encodeURIComponent(id)}/share`, { shared: !shared }).then(() =>
      refresh('models'),
    ),
  )
  const saving = useAction(() => download(`/api/v1/artifacts/export?cids=${cid}`, `${id}.car`))
  return html`<span class="job-actions">
      ${
        model.kind === 'language'
          ? html`<a class="button" href=${placeOf('jobs', 'new', 'train', id)}>Train</a>`
          : null
      }
      <button type="button" disabled=${share.busy} aria-pressed=${shared} onClick=${() => share.act()}>${shared ? 'Stop sharing' : 'Share with the village'}</button>
      <button type="button" disabled=${saving.busy} onClick=${() => saving.act()}>${saving.busy ? 'Exporting…' : 'Export'}</button>
      <${Confirm} label="Remove" verb="Remove" question=${`Remove ${id}?`} explain="Its artifact is collected when nothing else needs it." className=""
        action=${() =>
          send('DELETE', `/api/v1/models/${encodeURIComponent(id)}`).then((done) => {
            refresh('models')
            goTo('models')
            return done
          })} />
    </span><${Problem} error=${share.error} /><${Problem} error=${saving.error} />`
}

function About({ model, state }) {
  const totals = model.report?.totals
  return html`<${Facts} rows=${[
    ['kind', kindWords(model)],
    ['parameters', count(model.parameters)],
    ['size', bytes(model.sizeBytes)],
    ['added', time(model.addedAtMs)],
    ['source', model.source],
    ['members', model.shared ? 'are told of it' : 'are not told of it'],
    ['files', html`<${Copy} text=${model.cid} label=${`the CID of ${model.id}`}>${short(model.cid)}<//>`],
  ]} />
    ${model.notes.map((note) => html`<p class="foot">${note}</p>`)}
    ${
      totals === undefined
        ? null
        : html`<h3>Compressed with ${codecOf(model)}</h3>
          <${Facts} rows=${[...compressionFacts(totals), ...qualityFacts(model.report.quality), ['largest error', figure(totals.maxAbsError)]]} />`
    }
    <${Lineage} model=${model} models=${state.models} />
    ${totals === undefined && model.kind !== 'packed' ? null : html`<${Unpack} id=${model.id} />`}`
}

export function Model({ id, view = 'facts', other, state, refresh }) {
  const { models } = state
  useTitle(id)
  if (models === undefined) return html`<${Section} id="model" title=${id}><${Loading} lines=${6} /><//>`
  const model = models.find((one) => one.id === id)
  if (model === undefined)
    return html`<${Section} id="model" title=${id} aside=${html`<a href="#models">All models</a>`}>
      <p class="empty">There is no model of this name here. It may have been removed, or another job may still be making it.</p><//>`
  const views = VIEWS.filter(({ fits }) => fits(model))
  const shown = views.some(({ name }) => name === view) ? view : 'facts'
  const forms = formsOf(model, models)
  return html`<${Section} id="model" title=${html`<a class="up" href="#models">Models</a> ${id} ${model.shared ? html`<span class="state running">shared</span>` : null}`}
    aside=${html`<${Actions} model=${model} refresh=${refresh} />`}>
    ${model.doubt === null ? null : html`<p class="doubt">Doubtful: the job that made it rests on the word of members that were caught lying since. Make it again.</p>`}
    <nav class="tabs" aria-label="Views of the model">
      ${views.map(
        ({ name, title }) =>
          html`<a class="button" href=${placeOf('models', id, ...(name === 'facts' ? [] : [name]))} aria-current=${name === shown ? 'page' : undefined}>${title}${name === 'compare' && forms.length > 0 ? html` <span class="count">${forms.length}</span>` : null}</a>`,
      )}
    </nav>
    ${
      shown === 'tensors'
        ? html`<${Tensors} model=${model} />`
        : shown === 'compare'
          ? html`<${Compare} model=${model} state=${state} />`
          : shown === 'evaluations'
            ? html`<${Evaluations} model=${model} other=${other} state=${state} />`
            : shown === 'generate'
              ? html`<${Generate} id=${id} models=${models} />`
              : html`<${About} model=${model} state=${state} />`
    }
  <//>`
}

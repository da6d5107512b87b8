/** Ways to a model: one that comes with the daemon, a file, a hub, a member, a CAR file. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { goTo } from '../../parts/place.js'
import { Problem, Section, textOf, useAction, useForm } from '../../parts/widgets.js'
import { Pulls } from './pulls.js'

/** Models that come with the daemon, small ones first. */
const EMBEDDED = [
  {
    name: 'encoder',
    label: 'Add the embedded encoder',
    about: 'Sentences to vectors, 7 million parameters: for search, and a good one to try compression with.',
  },
  {
    name: 'village-lm',
    label: 'Add village-lm',
    about: 'A small language model that this project trained: for generation and training.',
  },
]
const CAR = 'application/vnd.ipld.car'

/** Shows the model that was added. */
const show = (model) => {
  goTo('models', model.id)
  return model
}

function Way({ title, about, children }) {
  return html`<div class="way"><h3>${title}</h3><p class="foot">${about}</p>${children}</div>`
}

function Embedded({ models }) {
  const { busy, error, act } = useAction((embedded) =>
    send('POST', '/api/v1/models', { embedded }).then(show),
  )
  const has = (name) => models?.some((model) => model.id === name && model.source === 'embedded')
  return html`<${Way} title="Comes with the daemon" about="No download; it is written out in a moment.">
    ${EMBEDDED.map(
      ({ name, label, about }) =>
        html`<p key=${name}><button type="button" class="primary" disabled=${busy || has(name)} onClick=${() => act(name)}>${has(name) ? `${name} is here` : label}</button> <small>${about}</small></p>`,
    )}
    <${Problem} error=${error} />
  <//>`
}

const optional = (form, name) => (textOf(form, name) === '' ? {} : { [name]: textOf(form, name) })

function FromPath() {
  const { busy, error, submit } = useForm((form) => {
    const body = { path: textOf(form, 'path'), ...optional(form, 'id'), ...optional(form, 'tokenizer') }
    return send('POST', '/api/v1/models', body).then(show)
  })
  return html`<${Way} title="On the daemon’s machine" about="A directory or a file: ONNX, safetensors with config and tokenizer, a llama2.c checkpoint, an adapter.">
    <form class="form" onSubmit=${submit}>
      <label>Path<input name="path" required autocomplete="off" placeholder="/home/me/model" /></label>
      <div class="form-grid">
        <label>Id<input name="id" autocomplete="off" placeholder="made of the path" /></label>
        <label>Tokenizer of a llama2.c checkpoint<input name="tokenizer" autocomplete="off" placeholder="/home/me/tokenizer.json" /></label>
      </div>
      <button type="submit" disabled=${busy}>${busy ? 'Adding…' : 'Add'}</button>
    </form>
    <${Problem} error=${error} />
  <//>`
}

/** A single file from the browser's machine: it is stored as an artifact first, which the disk share bounds, then registered. */
function FromBrowser() {
  const [stage, setStage] = useState(null)
  const { busy, error, submit } = useForm(async (form) => {
    const given = form.get('file')
    try {
      setStage('Uploading…')
      const stored = await send(
        'POST',
        `/api/v1/artifacts?${new URLSearchParams({ name: given.name })}`,
        given,
      )
      setStage('Reading…')
      return show(await send('POST', '/api/v1/models', { artifact: stored.cid, ...optional(form, 'id') }))
    } finally {
      setStage(null)
    }
  })
  return html`<${Way} title="From this computer" about="One file with everything in it: .onnx, .safetensors. A model of several files is added by its path, or pulled.">
    <form class="form" onSubmit=${submit}>
      <label>File<input type="file" name="file" accept=".onnx,.safetensors,.bin" required /></label>
      <label>Id<input name="id" autocomplete="off" placeholder="made of the name" /></label>
      <button type="submit" disabled=${busy}>${stage ?? 'Upload and add'}</button>
    </form>
    <${Problem} error=${error} />
  <//>`
}

function FromHub({ refresh }) {
  const { busy, error, submit } = useForm(async (form) => {
    const body = { source: textOf(form, 'source'), ...optional(form, 'id'), ...optional(form, 'hub') }
    await send('POST', '/api/v1/pulls', body)
    await refresh('pulls')
  })
  return html`<${Way} title="From a hub or a member" about="A name on a hub, or what a member shares. It goes on by itself, and goes on where it was after a break.">
    <form class="form" onSubmit=${submit}>
      <label>Source<input name="source" required autocomplete="off" placeholder="OWNER/NAME, or village:ID" /></label>
      <div class="form-grid">
        <label>Id<input name="id" autocomplete="off" placeholder="made of the name" /></label>
        <label>Hub<input name="hub" autocomplete="off" placeholder="as configured" /></label>
      </div>
      <button type="submit" disabled=${busy}>Pull</button>
    </form>
    <${Problem} error=${error} />
  <//>`
}

function FromCar() {
  const [made, setMade] = useState(null)
  const { busy, error, submit } = useForm(async (form) => {
    setMade(null)
    const query = new URLSearchParams({ pin: 'user' })
    const headers = { 'content-type': CAR }
    const { artifacts } = await send('POST', `/api/v1/artifacts/import?${query}`, form.get('car'), {
      headers,
    })
    setMade(artifacts)
    return artifacts
  })
  const adding = useForm((form) =>
    send('POST', '/api/v1/models', { artifact: textOf(form, 'cid'), ...optional(form, 'id') }).then(show),
  )
  return html`<${Way} title="From a CAR file" about="As written by “Export” or village export, for instance on a USB stick. Every block is verified.">
    <form class="form" onSubmit=${submit}>
      <label>File<input type="file" name="car" accept=".car" required /></label>
      <button type="submit" disabled=${busy}>${busy ? 'Storing…' : 'Import'}</button>
    </form>
    <${Problem} error=${error} /><${Problem} error=${adding.error} />
    ${
      made === null
        ? null
        : html`<ul>${made.map(
            ({ cid, name }) =>
              html`<li key=${cid}><form class="form inline" onSubmit=${adding.submit}>
                <input type="hidden" name="cid" value=${cid} />
                <label>Id of ${name ?? short(cid)}<input name="id" autocomplete="off" placeholder="made of the name" /></label>
                <button type="submit" disabled=${adding.busy}>Add it as a model</button></form></li>`,
          )}</ul>`
    }
  <//>`
}

export const AddModel = ({
  state,
  refresh,
}) => html`<${Section} id="add-model" title="Add a model" aside=${html`<a href="#models">All models</a>`}>
  ${state.pulls === undefined ? null : html`<${Pulls} pulls=${state.pulls} refresh=${refresh} />`}
  <div class="ways">
    <${Embedded} models=${state.models} />
    <${FromHub} refresh=${refresh} />
    <${FromPath} />
    <${FromBrowser} />
    <${FromCar} />
  </div>
<//>`

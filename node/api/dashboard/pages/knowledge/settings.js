/** What the owner decides of a collection: who may search it, copies, watching, weight, and its end. */
import { useRef, useState } from '../../lib/hooks.js'
import { download, send } from '../../parts/connection.js'
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { goTo } from '../../parts/place.js'
import { Confirm, Problem, Section, useAction } from '../../parts/widgets.js'
import { ACCESS } from './collections.js'
import { JudgedSearch } from './judged-search.js'
import { Tune } from './tune.js'

const WIDTH = { private: 0, village: 1, public: 2 }

/** Widening is asked about first: what others have read cannot be taken back. */
function Access({ info, put }) {
  const dialog = useRef(null)
  const [wanted, setWanted] = useState(null)
  const { busy, error, act } = useAction(async (access) => {
    await put({ access })
    dialog.current?.close()
    return true
  })
  const choose = (access) => {
    if (access === info.access) return
    if (WIDTH[access] < WIDTH[info.access]) return act(access)
    setWanted(access)
    dialog.current?.showModal()
  }
  return html`<fieldset class="choices" disabled=${busy}><legend>Who may search it</legend>
    ${Object.entries(ACCESS).map(
      ([name, { title, means }]) => html`<label class="choice" key=${name}>
        <input type="radio" name="access" value=${name} checked=${info.access === name} onClick=${(event) => {
          if (name !== info.access) event.preventDefault()
          choose(name)
        }} />
        <span><strong>${title}</strong><small>${means}</small></span></label>`,
    )}</fieldset>
    <${Problem} error=${error} />
    <dialog ref=${dialog} aria-labelledby="widen-title">
      <h3 id="widen-title">Show ${info.name} to ${wanted === 'public' ? 'guests too' : 'the village'}?</h3>
      <p>${counted(info.documents, 'document')} with ${counted(info.chunks, 'passage')}: ${wanted === null ? '' : ACCESS[wanted].means}
        You can make it private again, and copies are then removed; what was read by then stays read.</p>
      <${Problem} error=${error} />
      <div class="actions">
        <button type="button" onClick=${() => dialog.current?.close()}>Leave it ${info.access}</button>
        <button type="button" class="danger" disabled=${busy} onClick=${() => act(wanted)}>Make it ${wanted ?? ''}</button>
      </div>
    </dialog>`
}

function Spread({ info, put }) {
  const { busy, error, act } = useAction(async (form) => {
    const given = new FormData(form)
    await put({
      replicas: Number(given.get('replicas')),
      weight: Number(given.get('weight')) / 100,
      feedback: given.get('feedback') !== null,
    })
  })
  const [weight, setWeight] = useState(Math.round(info.weight * 100))
  const submit = (event) => {
    event.preventDefault()
    act(event.currentTarget)
  }
  return html`<form class="form" onSubmit=${submit}>
    <label>Copies with other members<input name="replicas" type="number" min="0" max="16" required defaultValue=${info.replicas} disabled=${info.access === 'private'} /></label>
    ${info.access === 'private' ? html`<input type="hidden" name="replicas" value=${info.replicas} />` : null}
    <label>Meaning in the score: ${weight}%
      <input name="weight" type="range" min="0" max="100" step="5" value=${weight} disabled=${info.encoder === null} onInput=${(event) => setWeight(Number(event.currentTarget.value))} /></label>
    ${info.encoder === null ? html`<input type="hidden" name="weight" value=${weight} />` : null}
    <label class="check"><input name="feedback" type="checkbox" defaultChecked=${info.feedback} />Search a second time with words of the best passages</label>
    <div class="actions start"><button type="submit" disabled=${busy}>Save</button></div>
    <${Problem} error=${error} />
  </form>`
}

function Watched({ info, onChanged }) {
  const { busy, error, act } = useAction(async (path) => {
    await send('POST', `/api/v1/collections/${encodeURIComponent(info.id)}/unwatch`, { path })
    onChanged()
  })
  return html`<div><h3>Watched</h3>
    ${
      info.watched.length === 0
        ? html`<p class="foot">No folder is watched: what changes on the disk is indexed when you ask for it.</p>`
        : html`<ul>${info.watched.map(
            (path) =>
              html`<li class="row" key=${path}><div class="row-main">${path}</div><button type="button" class="quiet" disabled=${busy} aria-label=${`Stop watching ${path}`} onClick=${() => act(path)}>Stop watching</button></li>`,
          )}</ul>`
    }
    <${Problem} error=${error} /></div>`
}

export function Settings({ info, onChanged }) {
  const target = `/api/v1/collections/${encodeURIComponent(info.id)}`
  const put = async (settings) => {
    await send('PUT', target, settings)
    onChanged()
  }
  const exporting = useAction(() => download(`${target}/export`, `${info.name}.collection.tar`))
  const remove = async () => {
    await send('DELETE', target)
    goTo('knowledge')
    return true
  }
  return html`<${Section} id="settings" title="Settings">
    <div class="stack">
      <${Access} info=${info} put=${put} />
      <${Spread} key=${`${info.replicas}/${info.weight}/${info.feedback}/${info.access}`} info=${info} put=${put} />
      <${Watched} info=${info} onChanged=${onChanged} />
      <${JudgedSearch} info=${info} />
      ${info.encoder === null ? null : html`<${Tune} info=${info} onChanged=${onChanged} />`}
      <div class="actions start">
        <button type="button" disabled=${exporting.busy} onClick=${exporting.act}>${exporting.busy ? 'Exporting…' : 'Export as a file'}</button>
        <${Confirm} label="Remove the collection" question=${`Remove ${info.name}?`} explain=${`${counted(info.documents, 'document goes', 'documents go')} from the index and from the disk; members with copies are told to remove them. Your files stay where they are.`} verb="Remove it" action=${remove} />
      </div>
      <${Problem} error=${exporting.error} />
    </div>
  <//>`
}

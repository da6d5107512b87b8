/** The first three steps, for whoever opens a new node: a village, a model that reads, something to ask about. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Problem, Section, useAction } from '../../parts/widgets.js'
import { CreateForm, JoinForm } from '../members/village-forms.js'

/** Whoever put the guide away is not asked again in this browser. */
const DISMISSED_KEY = 'village.guide'

function Step({ number, title, isDone, children }) {
  return html`<li class=${`step ${isDone ? 'done' : ''}`}>
    <span class="step-number" aria-hidden="true">${isDone ? '✓' : number}</span>
    <div>
      <h3>${title}${isDone ? html`<span class="hidden">, done</span>` : null}</h3>
      ${isDone ? null : children}
    </div>
  </li>`
}

function AddEncoder({ refresh }) {
  const { busy, error, act } = useAction(async () => {
    await send('POST', '/api/v1/models', { embedded: 'encoder' })
    await refresh('models')
  })
  return html`<p>It turns passages into vectors, so that questions find what is meant and not the words alone. It is part of this program: nothing is downloaded.</p>
    <${Problem} error=${error} />
    <button type="button" class="primary" disabled=${busy} onClick=${() => act()}>${busy ? 'Adding…' : 'Add the encoder'}</button>`
}

export function Guide({ state, refresh }) {
  const [isDismissed, setDismissed] = useState(() => localStorage.getItem(DISMISSED_KEY) !== null)
  const { status, models } = state
  if (isDismissed || status === undefined || models === undefined) return null
  const steps = {
    village: status.village !== null,
    encoder: models.some(({ kind }) => kind === 'encoder'),
    knowledge: status.knowledge.collections > 0,
  }
  if (Object.values(steps).every(Boolean)) return null
  const dismiss = () => {
    localStorage.setItem(DISMISSED_KEY, 'dismissed')
    setDismissed(true)
  }
  return html`<${Section} id="guide" title="Begin here" aside=${html`<button type="button" class="quiet" onClick=${dismiss}>Put this away</button>`}>
    <ol class="steps">
      <${Step} number="1" title="Create a village, or join one" isDone=${steps.village}>
        <p>A village is a community of machines that trust each other. Alone, this node does all the work itself.</p>
        <div class="two forms"><${CreateForm} /><${JoinForm} /></div>
      <//>
      <${Step} number="2" title="Add the built-in encoder" isDone=${steps.encoder}><${AddEncoder} refresh=${refresh} /><//>
      <${Step} number="3" title="Index a folder, then ask it something" isDone=${steps.knowledge}>
        <p>Documents stay where they are; what was read of them can be searched, and answers cite the passages.</p>
        <a class="button" href="#knowledge/~add">Choose a folder</a>
      <//>
    </ol>
  <//>`
}

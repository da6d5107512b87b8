/**
 * The page of the models: all of them, one of them (`#models/ID/VIEW`), how to add one (`#models/~add`), and the artifacts that
 * they are made of (`#models/~artifacts`). No model id begins with a tilde.
 */
import { html } from '../../parts/html.js'
import { AddModel } from './add-model.js'
import { ArtifactList } from './artifacts.js'
import { Model } from './model.js'
import { ModelList } from './model-list.js'

export function Page({ state, refresh, place }) {
  const [first, view, other] = place
  if (first === '~add') return html`<${AddModel} state=${state} refresh=${refresh} />`
  if (first === '~artifacts') return html`<${ArtifactList} />`
  if (first)
    return html`<${Model} key=${first} id=${first} view=${view} other=${other} state=${state} refresh=${refresh} />`
  return html`<${ModelList} state=${state} refresh=${refresh} />`
}

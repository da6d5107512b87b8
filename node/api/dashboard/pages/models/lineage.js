/** Where a model comes from and what was made of it: a list that is indented by generation. */
import { bytes } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { codecOf, keptOf, keptText, kindWords } from './model-words.js'

/** A chain of parents is no longer than this, whatever the registry says. */
const MAX_DEPTH = 32
const MAX_CHILDREN = 100

function parentsOf(model, models) {
  const chain = []
  let parent = model.parent
  while (parent !== null && chain.length < MAX_DEPTH) {
    const found = models.find(({ id }) => id === parent)
    if (chain.some(({ id }) => id === parent)) break
    chain.unshift(found ?? { id: parent, isGone: true })
    parent = found?.parent ?? null
  }
  return chain
}

function Line({ model, current }) {
  if (model.isGone) return html`${model.id} <small>not here any more</small>`
  const facts = [kindWords(model), codecOf(model), bytes(model.sizeBytes)].filter(Boolean).join(', ')
  const kept = keptText(keptOf(model))
  return html`${current ? html`<b aria-current="true">${model.id}</b>` : html`<a href=${placeOf('models', model.id)}>${model.id}</a>`}
    <small> ${facts}${kept === null ? '' : `, keeps ${kept}`}</small>`
}

function Children({ of, models, depth }) {
  const children = models.filter(({ parent, id }) => parent === of && id !== of)
  if (children.length === 0 || depth > MAX_DEPTH) return null
  return html`<ul>${children
    .slice(0, MAX_CHILDREN)
    .map(
      (child) =>
        html`<li key=${child.id}><${Line} model=${child} /><${Children} of=${child.id} models=${models} depth=${depth + 1} /></li>`,
    )}
  ${children.length > MAX_CHILDREN ? html`<li><small>and ${children.length - MAX_CHILDREN} more</small></li>` : null}</ul>`
}

export function Lineage({ model, models }) {
  const parents = parentsOf(model, models)
  const base = model.base === null ? undefined : models.find(({ cid }) => cid === model.base)
  const isAlone = parents.length === 0 && !models.some(({ parent }) => parent === model.id)
  const own = html`<li><${Line} model=${model} current=${true} /><${Children} of=${model.id} models=${models} depth=${0} /></li>`
  return html`<h3>Lineage</h3>
    ${isAlone ? html`<p class="empty">Nothing was made of it yet, and it was made of nothing here.</p>` : html`<ul class="lineage">${parents.reduceRight((inner, parent) => html`<li><${Line} model=${parent} /><ul>${inner}</ul></li>`, own)}</ul>`}
    ${base !== undefined && base.id !== model.parent ? html`<p class="foot">It belongs to <a href=${placeOf('models', base.id)}>${base.id}</a>.</p>` : null}`
}

/** The box for words and questions, with the choices of where and how to look. */
import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { goTo } from '../../parts/place.js'
import { countChoices, EVERYWHERE, writeScope } from './scope.js'

const KINDS = {
  search: { title: 'Search', hint: 'Words, “exact phrases”, +must, -not, title:word' },
  ask: { title: 'Ask', hint: 'A question, answered with sentences of your documents' },
}
const MODES = [
  ['', 'Words and meaning'],
  ['lexical', 'Words only'],
  ['vectors', 'Meaning only'],
]

/** Filters one a line, as people write them. */
const linesOf = (text) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

function scopeOf(form) {
  const given = new FormData(form)
  const perDocument = Number(given.get('perDocument'))
  return {
    collection: String(given.get('collection') ?? ''),
    mode: String(given.get('mode') ?? ''),
    filters: linesOf(String(given.get('filters') ?? '')),
    language: String(given.get('language') ?? '').trim(),
    local: given.get('local') !== null,
    perDocument: perDocument > 0 ? perDocument : null,
  }
}

export function SeekForm({ known, kind: shown = 'search', text = '', scope = EVERYWHERE, isAlone = false }) {
  const [kind, setKind] = useState(shown)
  const box = useRef(null)
  useEffect(() => setKind(shown), [shown])
  useEffect(() => {
    if (box.current !== null) box.current.value = text
  }, [text])
  useEffect(() => {
    const onKey = (event) => {
      const isTyping = event.target.closest?.('input, textarea, select, dialog')
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return
      event.preventDefault()
      box.current?.focus()
      box.current?.select()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  const submit = (event) => {
    event.preventDefault()
    const words = box.current.value.trim()
    if (words === '') return
    const chosen = writeScope(scopeOf(event.currentTarget))
    goTo('knowledge', `~${kind}`, words, ...(chosen === '' ? [] : [chosen]))
  }
  const choices = countChoices(scope)
  return html`<section class="section seek" aria-label="Search and ask">
    <form class="form" role="search" onSubmit=${submit} key=${writeScope(scope)}>
      <div class="seek-line">
        <div class="tabs" role="group" aria-label="What to do">${Object.entries(KINDS).map(
          ([name, { title }]) =>
            html`<button type="button" aria-pressed=${kind === name ? 'true' : 'false'} onClick=${() => setKind(name)}>${title}</button>`,
        )}</div>
        <label class="seek-words"><span class="hidden">${kind === 'ask' ? 'Question' : 'Words'}</span>
          <input ref=${box} name="text" type="search" autocomplete="off" maxlength="2000" defaultValue=${text} placeholder=${KINDS[kind].hint} aria-keyshortcuts="/" /></label>
        <label class="seek-where"><span class="hidden">In</span><select name="collection" defaultValue=${scope.collection}>
          <option value="">All collections</option>
          ${(known ?? []).map(
            ({ id, label, name, isOwn, ownerName }) =>
              html`<option key=${id} value=${label} selected=${scope.collection === label || scope.collection === name}>${isOwn ? name : `${name}@${ownerName ?? 'a member'}`}</option>`,
          )}
        </select></label>
        <button type="submit" class="primary">${kind === 'ask' ? 'Ask' : 'Search'}</button>
      </div>
      <details class="seek-more" open=${choices > 0}>
        <summary>Choices${choices > 0 ? html` <span class="count">${choices}</span>` : null}</summary>
        <div class="seek-choices">
          <label>Rank by<select name="mode">${MODES.map(
            ([value, title]) =>
              html`<option value=${value} selected=${scope.mode === value}>${title}</option>`,
          )}</select></label>
          <label>Language<input name="language" maxlength="3" pattern="[a-z]{2,3}" placeholder="as the collections" title="A code such as en or de" defaultValue=${scope.language} /></label>
          <label>Passages by document<input name="perDocument" type="number" min="1" max="100" placeholder="2" defaultValue=${scope.perDocument ?? ''} /></label>
          <label class="check"><input name="local" type="checkbox" defaultChecked=${scope.local} />Only what lies on this node</label>
          <label class="seek-filters">Only documents where (one condition a line)
            <textarea name="filters" rows="2" placeholder=${'language=en\nsource^=notes/'} defaultValue=${scope.filters.join('\n')}></textarea></label>
        </div>
      </details>
      ${isAlone ? html`<p class="foot">Press <kbd>/</kbd> to come here from anywhere on this page.</p>` : null}
    </form>
  </section>`
}

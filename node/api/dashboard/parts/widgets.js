/** Small parts that several sections share. */

import { useId, useRef, useState } from '../lib/hooks.js'
import { html } from './html.js'

/** A section of the page with its heading. */
export function Section({ id, title, aside, children }) {
  return html`<section class="section" aria-labelledby=${`${id}-title`}>
    <div class="section-head"><h2 id=${`${id}-title`}>${title}</h2>${aside}</div>
    ${children}
  </section>`
}

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`

/** Lines of the height of what will be there, so that nothing jumps when it comes. */
export const Loading = ({ lines = 2 }) =>
  html`<div class="skeleton" aria-hidden="true">${Array.from({ length: lines }, () => html`<span></span>`)}</div>`

export function Problem({ error }) {
  if (error === null) return null
  return html`<div class="problem" role="alert">
    <strong>${error.message}</strong>${error.fix ? html`<span>${error.fix}</span>` : null}
    ${error.code ? html`<code>${error.code}</code>` : null}
  </div>`
}

/** A bar from 0 to 1. A label says what of, for those who do not see it. */
export function Bar({ share, label, tone = '' }) {
  const width = Math.round(Math.min(1, Math.max(0, share)) * 100)
  return html`<progress class=${`bar ${tone}`} max="100" value=${width} aria-label=${label}>${width}%</progress>`
}

/** An id that can be copied whole although it is shown short. */
export function Copy({ text, children, label }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 1500)
  }
  return html`<button type="button" class="copy" title=${text} onClick=${copy} aria-label=${`Copy ${label}`}>
    ${children}<svg class="copy-mark" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d=${copied ? 'M3 8.5 6.5 12 13 4.5' : 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3'} /></svg>
    <span class="hidden" role="status">${copied ? 'Copied' : ''}</span>
  </button>`
}

/** Runs an action of the user once at a time and keeps its failure. */
export function useAction(run) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState(null)
  const isRunning = useRef(false)
  const act = async (...values) => {
    // A second click comes before the button is drawn as busy.
    if (isRunning.current) return undefined
    isRunning.current = true
    setBusy(true)
    setError(null)
    try {
      return await run(...values)
    } catch (thrown) {
      setError(thrown)
      return undefined
    } finally {
      isRunning.current = false
      setBusy(false)
    }
  }
  return { busy, error, act }
}

/** As `useAction`, for a form: `run` is given what was filled in, as FormData. */
export function useForm(run) {
  const action = useAction(run)
  const submit = (event) => {
    event.preventDefault()
    return action.act(new FormData(event.currentTarget))
  }
  return { ...action, submit }
}

/** A field of a form, as text. @param {FormData} form @param {string} name */
export const textOf = (form, name) => String(form.get(name) ?? '').trim()

/** A button that asks before it does something that cannot be taken back. */
export function Confirm({ label, question, explain, verb, action, className = 'quiet' }) {
  const dialog = useRef(null)
  const title = useId()
  const { busy, error, act } = useAction(action)
  const confirm = async (event) => {
    event.preventDefault()
    if ((await act()) !== undefined) dialog.current?.close()
  }
  return html`<button type="button" class=${className} onClick=${() => dialog.current?.showModal()}>${label}</button>
    <dialog ref=${dialog} aria-labelledby=${title}>
      <form onSubmit=${confirm}>
        <h3 id=${title}>${question}</h3>
        <p>${explain}</p>
        <${Problem} error=${error} />
        <div class="actions">
          <button type="button" onClick=${() => dialog.current?.close()}>Keep</button>
          <button type="submit" class="danger" disabled=${busy}>${verb}</button>
        </div>
      </form>
    </dialog>`
}

/** A table that becomes one card a row on a narrow screen; each cell then shows the head of its column. */
export function Table({ label, head, rows }) {
  return html`<table aria-label=${label}>
    <thead><tr>${head.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
    <tbody>
      ${rows.map(
        ({ key, cells }) =>
          html`<tr key=${key}>${cells.map((cell, index) => html`<td data-head=${head[index]}>${cell}</td>`)}</tr>`,
      )}
    </tbody>
  </table>`
}

/** The doctor’s findings: what is wrong with this machine or its installation, and what to do about it. */

import { useState } from '../../lib/hooks.js'
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useEvents, useLive } from '../../parts/live.js'
import { Loading, Problem, Section } from '../../parts/widgets.js'

const LEVELS = { fail: 'bad', warn: 'warn', ok: 'good' }
const WORDS = { fail: 'Problem', warn: 'Warning', ok: 'Fine' }

function Finding({ check }) {
  return html`<li class="finding">
    <span class=${`dot ${LEVELS[check.level]}`} aria-hidden="true"></span>
    <div>
      <strong><span class="hidden">${WORDS[check.level]}: </span>${check.name}</strong>
      <p>${check.message}</p>
      ${check.fix === null ? null : html`<p class="fix">${check.fix}</p>`}
    </div>
  </li>`
}

const summaryOf = (bad) =>
  bad.length === 0
    ? 'all well'
    : bad.some(({ level }) => level === 'fail')
      ? 'needs help'
      : counted(bad.length, 'warning')

/** The doctor tries a sandbox and reads models through: it is not asked again whenever somebody comes back to this page. */
const KEPT_FOR_MS = 300_000
let kept = null
const keptNow = () => (kept !== null && performance.now() - kept.atMs < KEPT_FOR_MS ? kept.data : undefined)

function useDoctor() {
  const [isWanted, setWanted] = useState(() => keptNow() === undefined)
  const { data, error, loading, reload } = useLive(isWanted ? '/api/v1/doctor' : null, ['config:changed'])
  useEvents(() => setWanted(true), ['config:changed'])
  if (data !== undefined && data !== kept?.data) kept = { data, atMs: performance.now() }
  return {
    data: data ?? keptNow(),
    error,
    loading: loading && keptNow() === undefined,
    reload: isWanted ? reload : () => setWanted(true),
  }
}

export function Health() {
  const { data, error, loading, reload } = useDoctor()
  const checks = data?.checks ?? []
  const order = ['fail', 'warn', 'ok']
  const bad = checks
    .filter(({ level }) => level !== 'ok')
    .sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
  const fine = checks.filter(({ level }) => level === 'ok')
  return html`<${Section} id="health" title=${html`Health ${data === undefined ? null : html`<span class="count">${summaryOf(bad)}</span>`}`}
    aside=${html`<button type="button" class="quiet" onClick=${reload}>Check again</button>`}>
    <${Problem} error=${error} />
    ${
      loading
        ? html`<${Loading} lines=${3} />`
        : html`${bad.length === 0 ? null : html`<ul class="findings">${bad.map((check) => html`<${Finding} key=${check.name} check=${check} />`)}</ul>`}
          ${
            fine.length === 0
              ? null
              : html`<details><summary>${counted(fine.length, 'check is', 'checks are')} fine</summary>
                <ul class="findings">${fine.map((check) => html`<${Finding} key=${check.name} check=${check} />`)}</ul></details>`
          }`
    }
  <//>`
}

/** The menu of pages, with what waits there, and below it how busy this machine is. */
import { useEffect } from './lib/hooks.js'
import { PAGES } from './pages.js'
import { bytes, percent } from './parts/format.js'
import { html } from './parts/html.js'
import { Icon } from './parts/icons.js'
import { placeOf } from './parts/place.js'
import { Bar } from './parts/widgets.js'

/** Page → how many things there want to be looked at, and in what words. */
const BADGES = {
  jobs: ({ jobs }) => {
    const running = jobs?.filter((job) => job.state === 'running').length ?? 0
    return { count: running, words: 'running' }
  },
  agents: ({ approvals }) => ({
    count: approvals?.length ?? 0,
    words: 'waiting for approval',
    isUrgent: true,
  }),
}

function Badge({ name, state }) {
  const badge = BADGES[name]?.(state)
  if (badge === undefined || badge.count === 0) return null
  return html`<span class=${`badge ${badge.isUrgent ? 'warn' : ''}`}>${badge.count}<span class="hidden"> ${badge.words}</span></span>`
}

function Gauge({ label, of = '', share, children }) {
  return html`<div class="gauge">
    <dt>${label}</dt>
    <dd title=${of === '' ? undefined : `of ${of}`}>${children}</dd>
    ${share === null ? null : html`<dd class="gauge-bar"><${Bar} share=${share} label=${of === '' ? label : `${label}, of ${of}`} /></dd>`}
  </div>`
}

function Machine({ state }) {
  const { status, resources } = state
  if (status === undefined || resources === undefined) return null
  const { compute, artifacts: usage } = status
  const { rssBytes } = resources.now
  // Measured every ten seconds: there is none in the first.
  const busyShare = resources.latest?.machineCpuShare ?? null
  const { memoryBytes } = resources.limits
  return html`<dl class="machine" aria-label="This machine">
    <${Gauge} label="Processor" share=${busyShare}>${busyShare === null ? '–' : `${percent(busyShare)} busy`}<//>
    <${Gauge} label="Memory" of=${bytes(memoryBytes)} share=${rssBytes / memoryBytes}>${bytes(rssBytes)}<//>
    <${Gauge} label="Artifacts" of=${bytes(usage.maxBytes)} share=${usage.sizeBytes / usage.maxBytes}>${bytes(usage.sizeBytes)}<//>
    <${Gauge} label="Threads" share=${null}>${compute.busy} of ${compute.threads} busy<//>
    <${Gauge} label="Kernels" share=${null}>
      ${compute.native ? `native, ${compute.simd}` : html`<span class="warn-text" title=${compute.reason}>reference (slow)</span>`}
    <//>
  </dl>`
}

export function Navigation({ state, current, isOpen, onLeave }) {
  useEffect(() => {
    if (!isOpen) return undefined
    const onKeyDown = ({ key }) => {
      if (key === 'Escape') onLeave()
    }
    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, [isOpen])
  return html`<div class=${`side ${isOpen ? 'open' : ''}`} id="pages">
    <nav aria-label="Pages">
      <ul class="pages">
        ${PAGES.map(
          ({ name, title }) => html`<li key=${name}>
            <a href=${placeOf(name)} aria-current=${current === name ? 'page' : undefined}>
              <${Icon} name=${name} /><span class="page-name">${title}</span><${Badge} name=${name} state=${state} />
            </a>
          </li>`,
        )}
      </ul>
    </nav>
    <${Machine} state=${state} />
  </div>`
}

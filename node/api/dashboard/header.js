/** The top of the page: which node this is, and how it is doing. */
import { bytes, percent, short } from './parts/format.js'
import { html } from './parts/html.js'
import { Copy } from './parts/widgets.js'

const PAUSES = {
  battery: 'on battery',
  temperature: 'too warm',
  memory: 'low on memory',
}

function Fact({ label, children, tone = '' }) {
  return html`<div class=${`fact ${tone}`}><dt>${label}</dt><dd class="fact-value">${children}</dd></div>`
}

export function Header({ state }) {
  const { status, resources, live } = state
  const village = status?.village ?? null
  const accepting = status?.resources.accepting ?? true
  const reason = status?.resources.reason
  const compute = status?.compute
  return html`<header class="top">
    <div class="top-row">
      <img src="/dashboard/icon.svg" alt="" width="32" height="32" />
      <div class="who">
        <h1>${village === null ? (status === undefined ? 'AIVillage' : 'No village yet') : village.name}</h1>
        <p>
          ${
            status === undefined
              ? '…'
              : html`${status.name} · <${Copy} text=${status.peer} label="the peer ID of this node">${short(status.peer)}<//>
                ${village === null ? null : html` · ${village.role}${village.open ? ', open village' : ''}`}`
          }
        </p>
      </div>
      <p class=${`live ${live ? 'on' : 'off'}`} role="status">${live ? 'live' : 'reconnecting…'}</p>
    </div>
    <dl class="facts">
      <${Fact} label="Work" tone=${accepting ? '' : 'warn'}>
        ${status === undefined ? '…' : accepting ? 'takes work' : `paused: ${PAUSES[reason] ?? reason}`}
      <//>
      <${Fact} label="Kernels" tone=${compute === undefined || compute.native ? '' : 'warn'}>
        ${
          compute === undefined
            ? '…'
            : compute.native
              ? `native, ${compute.simd}`
              : html`<span title=${compute.reason}>reference (slow)</span>`
        }
      <//>
      <${Fact} label="Threads">
        ${compute === undefined ? '…' : `${compute.busy} of ${compute.threads} busy`}
      <//>
      <${Fact} label="Load">${resources === undefined ? '…' : percent(resources.now.load)}<//>
      <${Fact} label="Memory">
        ${
          resources === undefined
            ? '…'
            : `${bytes(resources.now.rssBytes)} of ${bytes(resources.limits.memoryBytes)}`
        }
      <//>
      <${Fact} label="Artifacts">
        ${
          state.artifacts === undefined
            ? '…'
            : `${bytes(state.artifacts.usage.sizeBytes)} of ${bytes(state.artifacts.usage.maxBytes)}`
        }
      <//>
      <${Fact} label="Sent and received">
        ${
          state.artifacts === undefined
            ? '…'
            : `${bytes(state.artifacts.usage.sentBytes)} / ${bytes(state.artifacts.usage.receivedBytes)}`
        }
      <//>
    </dl>
    ${
      village?.revoked
        ? html`<p class="problem" role="alert">
          <strong>This node was revoked from the village${village.revoked.reason ? `: ${village.revoked.reason}` : ''}.</strong>
          <span>This identity cannot come back. To join again, start with a new data directory and ask an admin for an invite.</span>
        </p>`
        : null
    }
  </header>`
}

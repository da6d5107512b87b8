/** The top of the page: which node of which village this is, and whether it is well. */
import { html } from './parts/html.js'
import { Icon } from './parts/icons.js'

export const PAUSES = {
  battery: 'on battery',
  temperature: 'too warm',
  memory: 'low on memory',
}

function Work({ resources }) {
  const { accepting, reason } = resources
  return html`<p class=${`chip ${accepting ? '' : 'warn'}`}>${accepting ? 'takes work' : `paused: ${PAUSES[reason] ?? reason}`}</p>`
}

export function Header({ state, title, isOpen, onMenu }) {
  const { status, live } = state
  const village = status?.village ?? null
  return html`<header class="top">
      <a class="brand" href="#overview">
        <img src="/dashboard/icon.svg" alt="" width="34" height="34" />
        <span class="who">
          <strong>${village === null ? (status === undefined ? 'AIVillage' : 'No village yet') : village.name}</strong>
          <small>${
            status === undefined
              ? '…'
              : `${status.name}${village === null ? '' : ` · ${village.role}${village.open ? ', open village' : ''}`}`
          }</small>
        </span>
      </a>
      <div class="chips">
        ${status === undefined ? null : html`<${Work} resources=${status.resources} />`}
        <p class=${`live ${live ? 'on' : 'off'}`} role="status">${live ? 'live' : 'reconnecting…'}</p>
      </div>
      <button type="button" class="menu-button" aria-expanded=${isOpen} aria-controls="pages" onClick=${onMenu}>
        <${Icon} name=${isOpen ? 'close' : 'menu'} /><span class="hidden">Menu, at</span><span>${title}</span>
      </button>
    </header>
    ${
      village?.revoked
        ? html`<div class="revoked"><p class="problem" role="alert">
          <strong>This node was revoked from the village${village.revoked.reason ? `: ${village.revoked.reason}` : ''}.</strong>
          <span>This identity cannot come back. To join again, start with a new data directory and ask an admin for an invite.</span>
        </p></div>`
        : null
    }`
}

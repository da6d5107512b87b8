/** Everybody on the roster: how they are, how near, what they lend. */
import { useState } from '../../lib/hooks.js'
import { bytes, counted, percent } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Bar, Empty, Loading, Section } from '../../parts/widgets.js'
import { DOTS, latencyText, stateOf } from './member-state.js'

/** From so many on there is a field to search in. */
const SEARCH_FROM = 10
const SHOWN = 100

/** What it lends, in a line. */
export function capabilityWords(capabilities) {
  return [
    counted(capabilities.cores, 'core'),
    bytes(capabilities.memoryBytes),
    capabilities.profile,
    capabilities.power === 'battery' ? 'on battery' : null,
    capabilities.native ? null : 'reference kernels',
    capabilities.agents?.length > 0
      ? `answers as ${capabilities.agents.map(({ name }) => name).join(', ')}`
      : null,
  ]
    .filter((fact) => fact !== null)
    .join(' · ')
}

function MemberRow({ member, peer }) {
  const { word, tone } = stateOf(member, peer)
  const capabilities = peer?.capabilities ?? null
  const facts = [
    member.role,
    word,
    ...(peer === undefined ? [] : [latencyText(peer.latencyMs), peer.relayed ? 'relayed' : null]),
  ].filter((fact) => fact !== null && fact !== '–')
  return html`<li class=${tone === 'gone' ? 'row gone' : 'row'}>
    <span class=${`dot ${DOTS[tone]}`} aria-hidden="true"></span>
    <span class="row-main">
      <a class="row-link" href=${placeOf('members', member.peer)}><strong>${member.name}</strong></a>
      <small>${facts.join(' · ')}</small>
      ${capabilities === null ? null : html`<small>${capabilityWords(capabilities)}</small>`}
    </span>
    ${
      capabilities === null
        ? null
        : html`<span class="row-side"><small>${percent(Math.min(1, capabilities.load))} busy</small><${Bar} share=${capabilities.load} label=${`How busy ${member.name} is`} /></span>`
    }
  </li>`
}

const rank = ({ self, connected, revoked, leftAtMs }) =>
  revoked !== null || leftAtMs !== null ? 3 : self ? 0 : connected ? 1 : 2

export function Roster({ state }) {
  const [text, setText] = useState('')
  const [shown, setShown] = useState(SHOWN)
  const { members, peers, status } = state
  const byPeer = new Map((peers ?? []).map((peer) => [peer.peer, peer]))
  const wanted = text.trim().toLowerCase()
  const found = (members ?? [])
    .filter(
      ({ name, peer, role }) => wanted === '' || `${name} ${peer} ${role}`.toLowerCase().includes(wanted),
    )
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
  return html`<${Section} id="roster" title=${html`Roster <span class="count">${members?.length ?? ''}</span>`}>
    ${
      (members?.length ?? 0) < SEARCH_FROM
        ? null
        : html`<input type="search" aria-label="Find a member" placeholder="Find by name, role or peer ID" value=${text}
            onInput=${(event) => setText(event.currentTarget.value)} />`
    }
    ${
      members === undefined
        ? html`<${Loading} lines=${status?.village?.members ?? 3} />`
        : found.length === 0
          ? html`<${Empty}>${wanted === '' ? 'Nobody is on the roster.' : 'Nobody is called that.'}<//>`
          : html`<ul class="rows">${found
              .slice(0, shown)
              .map(
                (member) =>
                  html`<${MemberRow} key=${member.peer} member=${member} peer=${byPeer.get(member.peer)} />`,
              )}</ul>`
    }
    ${found.length > shown ? html`<button type="button" onClick=${() => setShown(shown + SHOWN)}>Show more (${found.length - shown})</button>` : null}
  <//>`
}

/**
 * The village as a picture: this node in the middle, the members around it, and the links that there are. Only this node's
 * own links are known here: who of the others are connected to each other they do not tell. The table shows the same.
 */
import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { percent } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Empty, Loading, Section, Table } from '../../parts/widgets.js'
import { latencyText, linkText, stateOf } from '../members/member-state.js'
import { heightOf, layoutMap, roomFor } from './map-layout.js'

const LEGEND = [
  ['good', 'online'],
  ['busy', 'busy'],
  ['warn', 'paused'],
  ['away', 'away'],
]

/** The width that an element has, as it changes. */
function useWidth(element) {
  const [widthPx, setWidth] = useState(0)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)))
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return widthPx
}

const cut = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`)

function Spot({ x, y, radius, member, peer }) {
  const { word, tone } = stateOf(member, peer)
  const link = peer === undefined ? '' : `, ${linkText(peer)} link, ${latencyText(peer.latencyMs)}`
  return html`<a class=${`spot ${tone}`} href=${placeOf('members', member.peer)} aria-label=${`${member.name}, ${member.role}, ${word}${link}`}>
    <title>${`${member.name} · ${member.role} · ${word}${link}`}</title>
    <circle class="spot-ring" cx=${x} cy=${y} r=${radius + 5} />
    <circle class="spot-dot" cx=${x} cy=${y} r=${radius} />
    ${tone === 'warn' ? html`<path class="spot-mark" d=${`M${x - 3} ${y - 4}v8M${x + 3} ${y - 4}v8`} />` : null}
    <text x=${x} y=${y + radius + 17}>${cut(member.name, 14)}</text>
    <text class="spot-more" x=${x} y=${y + radius + 31}>${
      tone === 'self'
        ? 'this node'
        : peer === undefined || peer.latencyMs === null
          ? word
          : tone === 'good'
            ? latencyText(peer.latencyMs)
            : `${word}, ${latencyText(peer.latencyMs)}`
    }</text>
  </a>`
}

function Picture({ self, others, peerOf }) {
  const host = useRef(null)
  const widthPx = useWidth(host)
  const heightPx = heightOf(others.length, widthPx)
  const shown = others.slice(0, widthPx === 0 ? 0 : roomFor(widthPx, heightPx))
  const { center, spots } = layoutMap(shown.length, widthPx, heightPx)
  return html`<div ref=${host} class="map">
    ${
      widthPx === 0
        ? null
        : html`<svg width=${widthPx} height=${heightPx} viewBox=${`0 0 ${widthPx} ${heightPx}`} role="group" aria-label="Map of the village">
          ${shown.map((member, index) => {
            const peer = peerOf(member.peer)
            return peer === undefined
              ? null
              : html`<line class=${`link ${peer.relayed ? 'relayed' : ''}`} x1=${center.x} y1=${center.y} x2=${spots[index].x} y2=${spots[index].y} />`
          })}
          ${shown.map((member, index) => html`<${Spot} key=${member.peer} ...${spots[index]} radius=${9} member=${member} peer=${peerOf(member.peer)} />`)}
          ${self === undefined ? null : html`<${Spot} ...${center} radius=${13} member=${self} />`}
        </svg>`
    }
    ${others.length > shown.length && widthPx > 0 ? html`<p class="foot"><a href="#members">and ${others.length - shown.length} more</a></p>` : null}
    <ul class="map-legend" aria-label="What the signs mean">
      ${LEGEND.map(([tone, word]) => html`<li><span class=${`map-key ${tone}`}></span>${word}</li>`)}
      <li><span class="map-line"></span>direct</li>
      <li><span class="map-line relayed"></span>relayed</li>
    </ul>
  </div>`
}

function Figures({ members, peerOf }) {
  return html`<${Table} label="Members and links" head=${['Member', 'Role', 'State', 'Link', 'Latency', 'Busy']}
    rows=${members.map((member) => {
      const peer = peerOf(member.peer)
      return {
        key: member.peer,
        cells: [
          html`<a href=${placeOf('members', member.peer)}>${member.name}</a>`,
          member.role,
          stateOf(member, peer).word,
          member.self ? '–' : linkText(peer),
          latencyText(peer?.latencyMs),
          peer?.capabilities ? percent(Math.min(1, peer.capabilities.load)) : '–',
        ],
      }
    })} />`
}

export function VillageMap({ state }) {
  const [isTable, setTable] = useState(false)
  const { members, peers } = state
  const byPeer = new Map((peers ?? []).map((peer) => [peer.peer, peer]))
  const peerOf = (peer) => byPeer.get(peer)
  const present = (members ?? []).filter((member) => member.revoked === null && member.leftAtMs === null)
  // Connected ones first: they are the ones that are shown where there is no room for all.
  const others = present.filter(({ self }) => !self).sort((a, b) => Number(b.connected) - Number(a.connected))
  const self = present.find((member) => member.self)
  const connected = others.filter((member) => member.connected).length
  return html`<${Section} id="map" title=${html`Village ${members === undefined ? null : html`<span class="count">${others.length === 0 ? 'nobody else yet' : `${connected} of ${others.length} connected`}</span>`}`}
    aside=${html`<button type="button" class="quiet" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>${isTable ? 'As a map' : 'As a table'}</button>`}>
    ${
      members === undefined
        ? html`<${Loading} lines=${6} />`
        : isTable
          ? html`<${Figures} members=${present} peerOf=${peerOf} />`
          : html`<${Picture} self=${self} others=${others} peerOf=${peerOf} />`
    }
    ${members !== undefined && others.length === 0 ? html`<${Empty}>Nobody else has joined yet. <a href="#members">Invite a node</a><//>` : null}
  <//>`
}

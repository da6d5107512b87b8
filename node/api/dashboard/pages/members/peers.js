/** Members that are connected now: how near, how busy, what they can. */
import { bytes, percent, short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Bar, Copy, Empty, Loading, Section } from '../../parts/widgets.js'

function Peer({ peer }) {
  const { capabilities } = peer
  const facts = [
    peer.role,
    peer.latencyMs === null
      ? null
      : `${peer.latencyMs < 10 ? peer.latencyMs.toFixed(1) : Math.round(peer.latencyMs)} ms`,
    peer.relayed ? 'relayed' : null,
  ].filter((fact) => fact !== null)
  return html`<li class="row">
    <span class=${`dot ${capabilities?.accepting === false ? 'warn' : 'good'}`} aria-hidden="true"></span>
    <span class="row-main">
      <strong>${peer.name}</strong>
      <small>${facts.join(' · ')} · <${Copy} text=${peer.peer} label=${`the peer ID of ${peer.name}`}>${short(peer.peer)}<//></small>
      <small>
        ${
          capabilities === null
            ? 'has not said yet what it can do'
            : [
                `${capabilities.cores} ${capabilities.cores === 1 ? 'core' : 'cores'}`,
                bytes(capabilities.memoryBytes),
                capabilities.profile,
                capabilities.power === 'battery' ? 'on battery' : null,
                capabilities.native ? null : 'reference kernels',
                capabilities.accepting ? null : 'paused',
              ]
                .filter((fact) => fact !== null)
                .join(' · ')
        }
      </small>
    </span>
    <span class="row-side">
      ${
        capabilities === null
          ? null
          : html`<small>load ${percent(capabilities.load)}</small><${Bar} share=${capabilities.load} label=${`Load of ${peer.name}`} />`
      }
    </span>
  </li>`
}

export function Peers({ state }) {
  const { peers, status } = state
  const title = html`Peers ${peers === undefined ? null : html`<span class="count">${peers.length}</span>`}`
  return html`<${Section} id="peers" title=${title}>
    ${
      peers === undefined
        ? html`<${Loading} lines=${3} />`
        : peers.length === 0
          ? html`<${Empty}>${status?.village === null ? 'Peers appear once this node is in a village.' : 'No other member is connected. Jobs run on this node alone.'}<//>`
          : html`<ul class="rows">${peers.map((peer) => html`<${Peer} key=${peer.peer} peer=${peer} />`)}</ul>`
    }
  <//>`
}

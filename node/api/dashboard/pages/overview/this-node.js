/** What this node is, where it is reached, and what it lends at most. */
import { bytes, counted, duration, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Copy, Loading, Section } from '../../parts/widgets.js'

const PROFILES = {
  laptop: 'laptop: half of the cores, pauses on battery',
  server: 'server: all cores',
  edge: 'edge: one core, small caches',
}

function Row({ label, children }) {
  return html`<div><dt>${label}</dt><dd>${children}</dd></div>`
}

function Addresses({ addresses }) {
  if (addresses.length === 0) return 'none until it is in a village'
  return html`<ul class="addresses">${addresses.map(
    (address) =>
      html`<li key=${address}><${Copy} text=${address} label="the address"><code>${address.replace(/\/p2p\/.*$/, '')}</code><//></li>`,
  )}</ul>`
}

export function ThisNode({ state }) {
  const { status, resources } = state
  if (status === undefined || resources === undefined)
    return html`<${Section} id="node" title="This node"><${Loading} lines=${8} /><//>`
  const { compute, runtime } = status
  const { disk } = resources
  return html`<${Section} id="node" title="This node" aside=${html`<a href="#settings">Settings</a>`}>
    <dl class="facts-list">
      <${Row} label="Name">${status.name}<//>
      <${Row} label="Peer ID"><${Copy} text=${status.peer} label="the peer ID of this node">${short(status.peer)}<//><//>
      <${Row} label="Addresses"><${Addresses} addresses=${status.addresses} /><//>
      <${Row} label="Running for"><span title=${`since ${time(status.startedAtMs)}`}>${duration(status.uptimeMs)}</span><//>
      <${Row} label="Profile">${PROFILES[status.resources.profile] ?? status.resources.profile}<//>
      <${Row} label="Lends">
        ${counted(compute.threads, 'thread')}, ${bytes(resources.limits.memoryBytes)} of memory and ${''}
        ${bytes(status.artifacts.maxBytes)} of disk
      <//>
      ${disk === null ? null : html`<${Row} label="On disk">${bytes(disk.usedBytes)}<//>`}
      <${Row} label="Knowledge">
        ${counted(status.knowledge.collections, 'collection')}, ${counted(status.knowledge.documents, 'document')}
      <//>
      <${Row} label="Kernels">${compute.native ? `native, ${compute.simd}` : html`<span class="warn-text">reference (slow): ${compute.reason}</span>`}<//>
      <${Row} label="Version">village ${status.version}, Node ${runtime.node}, ${runtime.platform} ${runtime.arch}<//>
      <${Row} label="Data"><${Copy} text=${status.dataDirectory} label="the data directory"><code>${status.dataDirectory}</code><//><//>
    </dl>
  <//>`
}

/** Servers outside whose tools agents may use: their state, and changes of tools that wait to be accepted. */
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Confirm, Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'

const STATES = { idle: 'not asked yet', connecting: 'connecting', ready: 'ready', failed: 'failed' }
const TOOL_STATES = {
  ready: 'can be used',
  changed: 'changed: refused until you accept it',
  gone: 'not offered any more',
}
const SHOWN_DIGITS = 16
const POLL_MS = 10_000

function Tool({ tool, onAccepted }) {
  const { name, description, state, changedDescription, changedFingerprint } = tool
  const accept = async () => {
    await send('POST', `/api/v1/tools/${encodeURIComponent(name)}/accept`, {
      fingerprint: changedFingerprint,
    })
    onAccepted()
    return true
  }
  return html`<li class="row server-tool"><div class="row-main"><code>${name}</code>
      <span class=${state === 'ready' ? 'soft' : 'doubt'}>${TOOL_STATES[state]}</span>
      <span>${description}</span>
      ${
        state !== 'changed'
          ? null
          : html`<dl class="given"><dt>It says now</dt><dd>${changedDescription}</dd><dt>Fingerprint</dt><dd><code>${changedFingerprint.slice(0, SHOWN_DIGITS)}…</code></dd></dl>`
      }</div>
    ${
      state !== 'changed'
        ? null
        : html`<${Confirm} label="Accept" className="" question=${`Accept the change of ${name}?`} explain=${`Its server describes it, or what it takes, otherwise than when you first saw it. Agents will read: “${changedDescription}”. Fingerprint ${changedFingerprint.slice(0, SHOWN_DIGITS)}…`} verb="Accept it" action=${accept} />`
    }</li>`
}

function Server({ server, onChanged }) {
  const { name, kind, state, error, tools, refused } = server
  return html`<${Section} id=${`server-${name}`} title=${name} aside=${html`<span class=${`state ${state === 'ready' ? 'done' : state}`}>${STATES[state]}</span>`}>
    <p class="soft">${kind === 'stdio' ? 'a program on this machine' : 'over HTTP'}${error === null ? '' : html`; last failure <code>${error}</code>`}</p>
    ${tools.length === 0 ? html`<${Empty}>It has offered no tools yet.<//>` : html`<ul class="rows">${tools.map((tool) => html`<${Tool} key=${tool.name} tool=${tool} onAccepted=${onChanged} />`)}</ul>`}
    ${refused.length === 0 ? null : html`<ul class="gaps">${refused.map(({ tool, reason }) => html`<li key=${tool}><strong>${tool}</strong> is not taken: ${reason}</li>`)}</ul>`}
  <//>`
}

export function Servers() {
  const read = useLive('/api/v1/mcp/servers', [], { everyMs: POLL_MS })
  const refreshing = useAction(async () => {
    await send('POST', '/api/v1/mcp/refresh')
    read.reload()
  })
  const servers = read.data?.servers
  return html`<div class="stack">
    <${Section} id="servers" title="MCP servers" aside=${html`<button type="button" disabled=${refreshing.busy || servers?.length === 0} onClick=${refreshing.act}>${refreshing.busy ? 'Asking…' : 'Ask them again'}</button>`}>
      <p class="foot">What agents ask of them leaves this node’s rules. A tool is kept as you first saw it: when its server changes it, it is refused until you accept the change.</p>
      <${Problem} error=${read.error ?? refreshing.error} />
      ${
        servers === undefined
          ? read.error === null
            ? html`<${Loading} />`
            : null
          : servers.length === 0
            ? html`<${Empty}>None is configured. Add one to <code>agents.mcpServers</code>, such as <code>weather=https://weather.example/mcp</code>, under <a href="#settings/agents">Settings</a>.<//>`
            : null
      }
    <//>
    ${(servers ?? []).map((server) => html`<${Server} key=${server.name} server=${server} onChanged=${read.reload} />`)}
  </div>`
}

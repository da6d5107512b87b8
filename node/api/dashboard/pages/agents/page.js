/** The page of the agents: talk, what waits for approval, and the Twin. */

import { useEffect, useState } from '../../lib/hooks.js'
import { get } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Empty, Problem, Section, useAction } from '../../parts/widgets.js'
import { Approval, Chat } from './chat.js'
import { Twin } from './twin.js'

function Approvals({ approvals, refresh }) {
  return html`<${Section} id="approvals" title="Waiting for approval">
    ${
      approvals === undefined || approvals.length === 0
        ? html`<${Empty}>Nothing waits for you.<//>`
        : approvals.map(
            ({ id, agent, tool, arguments: given, reason }) =>
              html`<${Approval} key=${id} id=${id} tool=${`${agent}: ${tool}`} given=${given} reason=${reason} onDecided=${() => refresh('approvals')} />`,
          )
    }
  <//>`
}

export function Page({ state, refresh }) {
  const [agents, setAgents] = useState(null)
  // Erasing everything leaves nothing of what a conversation on the page shows.
  const [run, setRun] = useState(0)
  const { error, act } = useAction(async () => setAgents((await get('/api/v1/agents')).agents))
  useEffect(() => {
    act()
  }, [])
  return html`<${Problem} error=${error} />
    <div class="columns">
      <div class="column wide"><${Chat} key=${run} agents=${agents} /></div>
      <div class="column">
        <${Approvals} approvals=${state.approvals} refresh=${refresh} />
        <${Twin} onErased=${() => setRun((before) => before + 1)} />
      </div>
    </div>`
}

/** The first page: whether all is well, who is there, what goes on, and what wants attention. */
import { useLayoutEffect, useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { Loading, Problem, Section } from '../../parts/widgets.js'
import { Attention } from './attention.js'
import { Guide } from './guide.js'
import { Health } from './health.js'
import { Now } from './now.js'
import { ThisNode } from './this-node.js'
import { VillageMap } from './village-map.js'

/** In place of the charts while they are loaded, or where the daemon went away before they were. */
function NoHistory({ error = null }) {
  return html`<${Section} id="history" title="This machine">
    <${Problem} error=${error} />
    ${error === null ? html`<${Loading} lines=${8} />` : null}
  <//>`
}

/** What takes longer (the doctor, the charts) does not hold up what a look is for: it comes when that is painted. */
function useLater(isFilled) {
  const [later, setLater] = useState(null)
  useLayoutEffect(() => {
    if (!isFilled) return undefined
    let isGone = false
    requestAnimationFrame(() =>
      setTimeout(async () => {
        performance.mark('village:overview')
        const next = await import('./history.js').catch((error) => ({ error }))
        if (!isGone) setLater(next)
      }),
    )
    return () => {
      isGone = true
    }
  }, [isFilled])
  return later
}

export function Page({ state, refresh }) {
  const later = useLater(
    state.status !== undefined && state.members !== undefined && state.jobs !== undefined,
  )
  const hasVillage = state.status !== undefined && state.status.village !== null
  return html`<div class="columns">
    <div class="column wide">
      <${Guide} state=${state} refresh=${refresh} />
      <${Attention} state=${state} />
      ${hasVillage || state.status === undefined ? html`<${VillageMap} state=${state} />` : null}
      <${Now} state=${state} />
      ${later?.History === undefined ? html`<${NoHistory} error=${later?.error} />` : html`<${later.History} />`}
    </div>
    <div class="column">
      ${later === null ? html`<${Section} id="health" title="Health"><${Loading} lines=${3} /><//>` : html`<${Health} />`}
      <${ThisNode} state=${state} />
    </div>
  </div>`
}

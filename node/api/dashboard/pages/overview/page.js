/** The first page: whether all is well, who is there, what goes on, and what wants attention. */
import { useEffect, useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { Loading, Section } from '../../parts/widgets.js'
import { Attention } from './attention.js'
import { Guide } from './guide.js'
import { Health } from './health.js'
import { Now } from './now.js'
import { ThisNode } from './this-node.js'
import { VillageMap } from './village-map.js'

/** What takes longer (the doctor, the charts) does not hold up what a look is for: it comes when that is painted. */
function useLater(isFilled) {
  const [later, setLater] = useState(null)
  useEffect(() => {
    if (!isFilled) return undefined
    let isGone = false
    requestAnimationFrame(() =>
      setTimeout(async () => {
        performance.mark('village:overview')
        const { History } = await import('./history.js')
        if (!isGone) setLater({ History })
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
      ${later === null ? html`<${Section} id="history" title="This machine"><${Loading} lines=${8} /><//>` : html`<${later.History} />`}
    </div>
    <div class="column">
      ${later === null ? html`<${Section} id="health" title="Health"><${Loading} lines=${3} /><//>` : html`<${Health} />`}
      <${ThisNode} state=${state} />
    </div>
  </div>`
}

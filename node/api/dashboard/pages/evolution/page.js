/**
 * The page of evolution: runs of the village, federations, self-evolution, merges and geometry, each with an address of its
 * own (`#evolution/VIEW/ONE`).
 */
import { useEffect, useRef } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Federation } from './federation.js'
import { Federations } from './federations.js'
import { Geometry } from './geometry.js'
import { GeometryResult } from './geometry-result.js'
import { Goal } from './goal.js'
import { Merge } from './merge.js'
import { Run } from './run.js'
import { Runs } from './runs.js'
import { SelfEvolution } from './self-evolution.js'

/** Name in the address, title, the list, and one of the list where there is such a view. */
const VIEWS = [
  { name: 'runs', title: 'Runs', List: Runs, One: Run },
  { name: 'federations', title: 'Federations', List: Federations, One: Federation },
  { name: 'self', title: 'Self-evolution', List: SelfEvolution, One: Goal },
  { name: 'merge', title: 'Merge', List: Merge },
  { name: 'geometry', title: 'Geometry', List: Geometry, One: GeometryResult },
]

export function Page({ state, refresh, place }) {
  const [name, one] = place
  const view = VIEWS.find((row) => row.name === name) ?? VIEWS[0]
  const given = { state, refresh }
  const nav = useRef(null)
  // On a narrow screen the names scroll: the present one is brought into view.
  useEffect(() => {
    const link = nav.current?.querySelector('[aria-current]')
    if (link) nav.current.scrollLeft = link.offsetLeft - nav.current.offsetLeft - 24
  }, [view])
  return html`<nav class="sub-views" ref=${nav} aria-label="Parts of evolution">
      ${VIEWS.map((row) => html`<a href=${placeOf('evolution', row.name)} aria-current=${row === view ? (one ? 'true' : 'page') : undefined}>${row.title}</a>`)}
    </nav>
    <div class="stack evolution">
      ${one && view.One !== undefined ? html`<${view.One} key=${`${view.name}/${one}`} id=${one} ...${given} />` : html`<${view.List} key=${view.name} ...${given} />`}
    </div>`
}

/** The page of knowledge: search, questions, and the collections that they run over. */

import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Problem } from '../../parts/widgets.js'
import { AddPage } from './add.js'
import { AnswerPage } from './answer.js'
import { CollectionPage } from './collection.js'
import { Collections } from './collections.js'
import { DocumentPage } from './document.js'
import { Runs } from './runs.js'
import { readScope } from './scope.js'
import { SearchPage } from './search.js'
import { SeekForm } from './seek.js'

/** What changes which collections there are, what is in them, or who holds them. */
const CHANGES = [
  'collection:created',
  'collection:changed',
  'collection:removed',
  'peer:connected',
  'peer:disconnected',
  'village:changed',
  'index:changed',
]
/** Holders and what others share have no event of their own. */
const POLL_MS = 15_000

function Home({ state, known }) {
  return html`<${SeekForm} known=${known.data?.collections} isAlone />
    <${Runs} state=${state} />
    <${Collections} state=${state} known=${known} />`
}

export function Page({ state, place }) {
  const [first, second, third, fourth, fifth] = place
  const known = useLive('/api/v1/knowledge/collections', CHANGES, { everyMs: POLL_MS })
  const given = { state, known }
  if (first === undefined || first === '') return html`<div class="stack"><${Home} ...${given} /></div>`
  if (first === '~add') return html`<div class="stack"><${AddPage} ...${given} into=${second} /></div>`
  if (first === '~search' || first === '~ask') {
    const View = first === '~search' ? SearchPage : AnswerPage
    const scope = readScope(third ?? '')
    return html`<div class="stack">
      <${SeekForm} known=${known.data?.collections} kind=${first.slice(1)} text=${second ?? ''} scope=${scope} />
      <${Problem} error=${known.error} />
      <${View} key=${place.join('/')} state=${state} text=${second ?? ''} scope=${scope} />
    </div>`
  }
  if (second !== undefined && second !== '')
    return html`<div class="stack">
      <${DocumentPage} key=${place.join('/')} ...${given} label=${first} document=${second} span=${third} segment=${fourth} chunk=${fifth} />
    </div>`
  return html`<div class="stack"><${CollectionPage} key=${first} ...${given} label=${first} /></div>`
}

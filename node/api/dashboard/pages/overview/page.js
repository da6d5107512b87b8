/** The first page: what this node is part of, and what goes on. */
import { html } from '../../parts/html.js'
import { Jobs } from '../jobs/jobs.js'
import { Peers } from '../members/peers.js'
import { Village } from '../members/village.js'

export const Page = ({ state, refresh }) => html`<div class="columns">
    <div class="column wide"><${Jobs} state=${state} refresh=${refresh} /></div>
    <div class="column">
      <${Village} state=${state} />
      <${Peers} state=${state} />
    </div>
  </div>`

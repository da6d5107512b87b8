/** The page of the village's members: who they are, and who is connected now. */
import { html } from '../../parts/html.js'
import { Peers } from './peers.js'
import { Village } from './village.js'

export const Page = ({ state }) => html`<div class="columns">
    <div class="column wide"><${Village} state=${state} /></div>
    <div class="column"><${Peers} state=${state} /></div>
  </div>`

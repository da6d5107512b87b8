/** The page of the jobs. */
import { html } from '../../parts/html.js'
import { Jobs } from './jobs.js'

export const Page = ({ state, refresh }) => html`<${Jobs} state=${state} refresh=${refresh} />`

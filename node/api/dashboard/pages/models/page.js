/** The page of the models and of the artifacts that they are made of. */
import { html } from '../../parts/html.js'
import { ArtifactList } from './artifacts.js'
import { Models } from './models.js'

export const Page = ({ state, refresh }) => html`<${Models} state=${state} refresh=${refresh} />
  <${ArtifactList} state=${state} refresh=${refresh} />`

/** Line drawings of 24 by 24, drawn in the colour of the text. */
import { html } from './html.js'

const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  members:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-3.6 3-5.5 6.5-5.5s6 1.9 6.5 5.5M16 4.4a3.2 3.2 0 0 1 0 6.2M18 14.8c2 .8 3.2 2.6 3.5 5.2',
  jobs: 'M9 6h11M9 12h11M9 18h11M3.5 6l1.2 1.2L7 4.8M3.5 12l1.2 1.2L7 10.8M3.5 18l1.2 1.2L7 16.8',
  models: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  evolution:
    'M6 15V9M8 18h4a6 6 0 0 0 6-6V9M6 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM6 21a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM18 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  knowledge: 'M4 5h5a3 3 0 0 1 3 3v12a3 3 0 0 0-3-2H4zM20 5h-5a3 3 0 0 0-3 3v12a3 3 0 0 1 3-2h5z',
  agents: 'M4 5h16v11H11l-5 4v-4H4zM8.5 10.5h.01M12 10.5h.01M15.5 10.5h.01',
  events: 'M3 12h4l3-8 4 16 3-8h4',
  settings: 'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5v5M8 14.5v5',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6L6 18',
}

export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d=${PATHS[name] ?? ''} /></svg>`

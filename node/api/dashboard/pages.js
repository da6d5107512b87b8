/**
 * The pages: a row each. A page is loaded when it is first looked at; its module exports `Page({ state, refresh, place })`
 * (`place` is the address behind the page's name). `styles`: the page has a sheet of its own, `page.css` beside it.
 */
export const PAGES = [
  { name: 'overview', title: 'Overview', load: () => import('./pages/overview/page.js') },
  { name: 'members', title: 'Members', load: () => import('./pages/members/page.js'), styles: true },
  { name: 'jobs', title: 'Jobs', load: () => import('./pages/jobs/page.js'), styles: true },
  { name: 'models', title: 'Models', load: () => import('./pages/models/page.js'), styles: true },
  { name: 'evolution', title: 'Evolution', load: () => import('./pages/evolution/page.js'), styles: true },
  { name: 'knowledge', title: 'Knowledge', load: () => import('./pages/knowledge/page.js'), styles: true },
  // An answer goes on while another page is looked at: it stays once it was opened.
  {
    name: 'agents',
    title: 'Agents',
    load: () => import('./pages/agents/page.js'),
    styles: true,
    stays: true,
  },
  { name: 'events', title: 'Events', load: () => import('./pages/events/page.js'), styles: true },
  { name: 'settings', title: 'Settings', load: () => import('./pages/settings/page.js'), styles: true },
]

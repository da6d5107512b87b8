/**
 * The pages: a row each. A page is loaded when it is first looked at; its module exports `Page({ state, refresh, place })`
 * (`place` is the address behind the page's name). `styles`: the page has a sheet of its own, `page.css` beside it.
 */
export const PAGES = [
  { name: 'overview', title: 'Overview', load: () => import('./pages/overview/page.js') },
  { name: 'members', title: 'Members', load: () => import('./pages/members/page.js') },
  { name: 'jobs', title: 'Jobs', load: () => import('./pages/jobs/page.js') },
  { name: 'models', title: 'Models', load: () => import('./pages/models/page.js') },
  // An answer goes on while another page is looked at: it stays once it was opened.
  {
    name: 'agents',
    title: 'Agents',
    load: () => import('./pages/agents/page.js'),
    styles: true,
    stays: true,
  },
]

/** Shows a page of the table: loads its module and its sheet when it is first looked at. */
import { useEffect, useLayoutEffect, useState } from '../lib/hooks.js'
import { Boundary } from './boundary.js'
import { html } from './html.js'
import { loadSheet } from './sheet.js'
import { Loading, Problem } from './widgets.js'

/** Modules of pages that were loaded. */
const modules = new Map()

/** Waits for the page's sheet too, so that nothing is shown without it. */
async function loadPage({ name, load, styles }) {
  const [module] = await Promise.all([
    load(),
    styles === true ? loadSheet(`/dashboard/pages/${name}/page.css`) : null,
  ])
  modules.set(name, module)
  return module
}

export function PageHost({ page, ...given }) {
  const [module, setModule] = useState(() => modules.get(page.name) ?? null)
  const [error, setError] = useState(null)
  const [tries, setTries] = useState(0)
  useLayoutEffect(() => {
    setError(null)
    if (module === null) loadPage(page).then(setModule, setError)
  }, [tries])
  const { live } = given.state
  useEffect(() => {
    // What could not be loaded while the daemon was away is there again.
    if (live && error !== null) setTries(tries + 1)
  }, [live])
  if (error !== null)
    return html`<${Problem} error=${error} />
      <button type="button" onClick=${() => setTries(tries + 1)}>Try again</button>`
  return module === null
    ? html`<${Loading} lines=${6} />`
    : html`<${Boundary} name=${page.title} at=${given.place.join('/')}><${module.Page} ...${given} /><//>`
}

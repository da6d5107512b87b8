/** The dashboard's root: asks for the token where none is known, then shows the node. */
import { Header } from './header.js'
import { useEffect, useRef, useState } from './lib/hooks.js'
import { render } from './lib/preact.js'
import { PAGES } from './pages.js'
import { forgetToken, keepToken, takeToken } from './parts/connection.js'
import { html } from './parts/html.js'
import { placeOf, readPlace } from './parts/place.js'
import { Loading, Problem } from './parts/widgets.js'
import { createStore } from './store.js'

const isPage = (name) => PAGES.some((page) => page.name === name)

function Locked({ error, onToken }) {
  const submit = (event) => {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token')).trim()
    keepToken(token)
    onToken(token)
  }
  return html`<main class="locked">
    <img src="/dashboard/icon.svg" alt="" width="48" height="48" />
    <h1>AIVillage</h1>
    <p>Open the link that <code>village start</code> printed, or paste the token from <code>api.token</code> in the data directory.</p>
    <form class="form" onSubmit=${submit}>
      <label>Token<input name="token" type="password" required autocomplete="off" /></label>
      <${Problem} error=${error} />
      <button type="submit" class="primary">Open</button>
    </form>
  </main>`
}

function Page({ onRefused }) {
  const [state, setState] = useState({ live: false, error: null, announcement: '', tasks: {} })
  const store = useRef(null)
  useEffect(() => {
    store.current = createStore({ onChange: setState, onRefused })
    return () => store.current?.stop()
  }, [])
  useEffect(() => {
    const name = state.status?.village?.name ?? state.status?.name
    document.title = name === undefined ? 'AIVillage' : `${name} · AIVillage`
  }, [state.status])
  const [place, setPlace] = useState(() => {
    const given = readPlace(location.hash)
    return isPage(given[0]) ? given : [PAGES[0].name]
  })
  useEffect(() => {
    const follow = () => {
      const given = readPlace(location.hash)
      // Other fragments are places within a page.
      if (isPage(given[0])) setPlace(given)
      else if (location.hash === '') setPlace([PAGES[0].name])
    }
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  const [current, ...rest] = place
  const opened = useRef(new Set())
  opened.current.add(current)
  const refresh = (...parts) => store.current?.refresh(...parts) ?? Promise.resolve()
  return html`<a class="skip" href="#content">Skip to the content</a>
    <${Header} state=${state} />
    <nav class="views" aria-label="Pages">
      ${PAGES.map(
        ({ name, title }) =>
          html`<a href=${placeOf(name)} aria-current=${current === name ? 'page' : undefined}>${title}</a>`,
      )}
    </nav>
    <p class="hidden" aria-live="polite">${state.announcement}</p>
    <main id="content" tabindex="-1">
      <${Problem} error=${state.error} />
      ${PAGES.map((page) =>
        page.name === current || (page.stays === true && opened.current.has(page.name))
          ? html`<div key=${page.name} hidden=${page.name !== current}>
              <${Lazy} page=${page} state=${state} refresh=${refresh} place=${page.name === current ? rest : []} />
            </div>`
          : null,
      )}
    </main>
    <footer>
      ${state.status === undefined ? '…' : `village ${state.status.version} · ${state.status.dataDirectory}`}
    </footer>`
}

/** Modules of pages that were loaded. */
const modules = new Map()

/** Adds the page's sheet once and waits for it, so that nothing is shown without it. */
async function loadPage({ name, load, styles }) {
  const sheet = styles === true ? loadSheet(`/dashboard/pages/${name}/page.css`) : null
  const [module] = await Promise.all([load(), sheet])
  modules.set(name, module)
  return module
}

function loadSheet(href) {
  if (document.querySelector(`link[href="${href}"]`) !== null) return null
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = href
  document.head.append(link)
  return new Promise((resolve, reject) => {
    link.onload = resolve
    link.onerror = () => reject(new Error('A style sheet of the page could not be loaded.'))
  })
}

function Lazy({ page, ...given }) {
  const [module, setModule] = useState(() => modules.get(page.name) ?? null)
  const [error, setError] = useState(null)
  useEffect(() => {
    if (module === null) loadPage(page).then(setModule, setError)
  }, [])
  if (error !== null) return html`<${Problem} error=${error} />`
  return module === null ? html`<${Loading} lines=${4} />` : html`<${module.Page} ...${given} />`
}

function App() {
  const [token, setToken] = useState(takeToken)
  const [error, setError] = useState(null)
  const refused = (problem) => {
    forgetToken()
    setError(problem)
    setToken(null)
  }
  return token === null
    ? html`<${Locked} error=${error} onToken=${setToken} />`
    : html`<${Page} onRefused=${refused} />`
}

const root = document.getElementById('app')
if (root !== null) {
  root.replaceChildren()
  render(html`<${App} />`, root)
}
// A new link in an open tab brings its token along.
addEventListener('hashchange', () => {
  if (location.hash.includes('token=')) location.reload()
})

/** The dashboard's root: asks for the token where none is known, then shows the node. */
import { Agents } from './agents.js'
import { ArtifactList } from './artifacts.js'
import { forgetToken, keepToken, takeToken } from './connection.js'
import { Header } from './header.js'
import { html } from './html.js'
import { Jobs } from './jobs.js'
import { useEffect, useRef, useState } from './lib/hooks.js'
import { render } from './lib/preact.js'
import { Models } from './models.js'
import { Peers } from './peers.js'
import { createStore } from './store.js'
import { Village } from './village.js'
import { Problem } from './widgets.js'

/** Fragment of the address → page. */
const VIEWS = [
  ['node', 'Node'],
  ['agents', 'Agents'],
]
const viewOf = () => VIEWS.map(([name]) => name).find((name) => location.hash === `#${name}`)

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
  const [view, setView] = useState(viewOf() ?? 'node')
  useEffect(() => {
    // Other fragments are places within a page.
    const follow = () => setView((before) => viewOf() ?? before)
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  // Once opened it stays: an answer goes on while another page is looked at.
  const opened = useRef(false)
  if (view === 'agents') opened.current = true
  const refresh = (...parts) => store.current?.refresh(...parts) ?? Promise.resolve()
  return html`<a class="skip" href="#content">Skip to the content</a>
    <${Header} state=${state} />
    <nav class="views" aria-label="Pages">
      ${VIEWS.map(
        ([name, title]) =>
          html`<a href=${`#${name}`} aria-current=${view === name ? 'page' : undefined}>${title}</a>`,
      )}
    </nav>
    <p class="hidden" aria-live="polite">${state.announcement}</p>
    <main id="content" tabindex="-1">
      <${Problem} error=${state.error} />
      ${view === 'node' ? html`<${Node} state=${state} refresh=${refresh} />` : null}
      ${opened.current ? html`<div hidden=${view !== 'agents'}><${Agents} state=${state} refresh=${refresh} /></div>` : null}
    </main>
    <footer>
      ${state.status === undefined ? '…' : `village ${state.status.version} · ${state.status.dataDirectory}`}
    </footer>`
}

function Node({ state, refresh }) {
  return html`<div class="columns">
        <div class="column wide">
          <${Jobs} state=${state} refresh=${refresh} />
          <${Models} state=${state} refresh=${refresh} />
        </div>
        <div class="column">
          <${Village} state=${state} />
          <${Peers} state=${state} />
        </div>
      </div>
<${ArtifactList} state=${state} refresh=${refresh} />`
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

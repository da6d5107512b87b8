/** The dashboard's root: asks for the token where none is known, then shows the node. */
import { Frame } from './frame.js'
import { useState } from './lib/hooks.js'
import { render } from './lib/preact.js'
import { html } from './parts/html.js'
import { forgetToken, keepToken, takeToken } from './parts/token.js'
import { Problem } from './parts/widgets.js'

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
    <p>Open the link that <code>village status</code> prints, or paste the token from <code>api.token</code> in the data directory. It is kept for this tab alone: each tab is opened by the link.</p>
    <form class="form" onSubmit=${submit}>
      <label>Token<input name="token" type="password" required autocomplete="off" /></label>
      <${Problem} error=${error} />
      <button type="submit" class="primary">Open</button>
    </form>
  </main>`
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
    : html`<${Frame} onRefused=${refused} />`
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

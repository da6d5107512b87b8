/** Writes a compressed model as an ordinary one into a directory of the daemon's machine. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Problem, useAction } from '../../parts/widgets.js'

const RUNTIMES = [
  ['float', 'as it was before it was compressed'],
  ['int8', 'to run: 8 bits where a codec has no operator'],
  ['dense', 'to run: floats where a codec has no operator'],
]

export function Unpack({ id }) {
  const [path, setPath] = useState(null)
  const { busy, error, act } = useAction((body) =>
    send('POST', `/api/v1/models/${encodeURIComponent(id)}/unpack`, body).then((done) => setPath(done.path)),
  )
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setPath(null)
    act({ directory: String(form.get('directory')).trim(), runtime: String(form.get('runtime')) })
  }
  return html`<details>
    <summary>Unpack into a directory of the daemon’s machine</summary>
    <form class="form inline" onSubmit=${submit}>
      <label>Directory, new or empty<input name="directory" required autocomplete="off" placeholder="/home/me/${id}" /></label>
      <label>Form<select name="runtime">${RUNTIMES.map(([name, words]) => html`<option value=${name}>${words}</option>`)}</select></label>
      <button type="submit" disabled=${busy}>${busy ? 'Writing…' : 'Unpack'}</button>
    </form>
    <${Problem} error=${error} />
    ${path === null ? null : html`<p role="status">Written to <code>${path}</code>.</p>`}
  </details>`
}

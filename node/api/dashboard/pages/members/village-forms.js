/** Create a village, or join one by its invite. */
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Problem, useAction } from '../../parts/widgets.js'

export function CreateForm() {
  const { busy, error, act } = useAction((name, open) => send('POST', '/api/v1/village', { name, open }))
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    act(String(form.get('name')).trim(), form.get('open') === 'on')
  }
  return html`<form class="form" onSubmit=${submit}>
    <h3>Create a village</h3>
    <label>Name<input name="name" required maxlength="64" autocomplete="off" placeholder="Elm Street" /></label>
    <label class="check"><input type="checkbox" name="open" /> Open: anybody may join as a guest</label>
    <${Problem} error=${error} />
    <button type="submit" class="primary" disabled=${busy}>${busy ? 'Creating…' : 'Create'}</button>
  </form>`
}

export function JoinForm() {
  const { busy, error, act } = useAction((invite) => send('POST', '/api/v1/village/join', { invite }))
  const submit = (event) => {
    event.preventDefault()
    act(String(new FormData(event.currentTarget).get('invite')).trim())
  }
  return html`<form class="form" onSubmit=${submit}>
    <h3>Join a village</h3>
    <label>Invite<textarea name="invite" required rows="3" spellcheck=${false} autocomplete="off" placeholder="village1…"></textarea></label>
    <${Problem} error=${error} />
    <button type="submit" class="primary" disabled=${busy}>${busy ? 'Joining…' : 'Join'}</button>
  </form>`
}

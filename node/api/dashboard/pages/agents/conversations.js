/** The conversations of whoever looks: continue one, name it, erase it. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { counted, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { Confirm, Problem, Section, useAction } from '../../parts/widgets.js'

const SHOWN = 30
const at = (id) => `/api/v1/conversations/${encodeURIComponent(id)}`

function Conversation({ one, isOpen, onChanged, onErased }) {
  const [editing, setEditing] = useState(false)
  const { busy, error, act } = useAction(async (title) => {
    await send('PUT', at(one.id), { title })
    setEditing(false)
    onChanged()
  })
  const erase = async () => {
    await send('DELETE', at(one.id))
    onErased(one.id)
    return true
  }
  const title = one.title || 'Nothing said yet'
  const save = (event) => {
    event.preventDefault()
    act(String(new FormData(event.currentTarget).get('title')))
  }
  if (editing)
    return html`<li class="row"><form class="form row-main" onSubmit=${save}>
      <label>Title<input name="title" required maxlength="120" defaultValue=${title} /></label>
      <div class="actions start"><button type="submit" class="primary" disabled=${busy}>Save</button>
        <button type="button" onClick=${() => setEditing(false)}>Leave it</button></div>
      <${Problem} error=${error} /></form></li>`
  return html`<li class=${`row conversation ${isOpen ? 'open' : ''}`}>
    <div class="row-main"><a href=${placeOf('agents', 'talk', one.id)} aria-current=${isOpen ? 'true' : undefined}>${title}</a>
      <span class="soft">${time(one.updatedAtMs)} · ${counted(one.messages, 'message')}</span></div>
    <button type="button" class="quiet" aria-label=${`Rename: ${title}`} onClick=${() => setEditing(true)}>Rename</button>
    <${Confirm} label="Erase" question="Erase this conversation?" explain=${`“${title}”: its bytes are overwritten; it cannot be brought back.`} verb="Erase it" action=${erase} />
  </li>`
}

export function Conversations({ list, open, onChanged, onErased }) {
  const [all, setAll] = useState(false)
  const rows = list.data?.conversations
  const shown = all ? rows : rows?.slice(0, SHOWN)
  return html`<${Section} id="conversations" title="Conversations" aside=${html`<a class="button" href=${placeOf('agents', 'talk')}>New</a>`}>
    <${Read} error=${list.error} rows=${shown} empty="None yet. They are kept encrypted on this node.">
      ${(found) => html`<ul class="rows">${found.map((one) => html`<${Conversation} key=${one.id} one=${one} isOpen=${one.id === open} onChanged=${onChanged} onErased=${onErased} />`)}</ul>`}
    <//>
    ${rows !== undefined && rows.length > SHOWN && !all ? html`<button type="button" class="quiet" onClick=${() => setAll(true)}>Show all ${rows.length}</button>` : null}
  <//>`
}

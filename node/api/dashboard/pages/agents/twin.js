/** What the node remembers of its owner: read, changed, erased. */

import { useEffect, useState } from '../../lib/hooks.js'
import { download, get, send } from '../../parts/connection.js'
import { percent, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Confirm, Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'

const SOURCES = {
  told: 'you said so',
  added: 'added by hand',
  learned: 'learned',
  conversation: 'a conversation',
}

function Memory({ memory, onChanged }) {
  const [editing, setEditing] = useState(false)
  const target = `/api/v1/twin/${encodeURIComponent(memory.id)}`
  const { busy, error, act } = useAction(async (method, body) => {
    await send(method, target, body)
    setEditing(false)
    await onChanged()
  })
  const save = (event) => {
    event.preventDefault()
    act('PUT', { text: String(new FormData(event.currentTarget).get('text')) })
  }
  return html`<li class="row memory">
    ${
      editing
        ? html`<form class="form row-main" onSubmit=${save}>
            <label>Text<textarea name="text" rows="2" required defaultValue=${memory.text}></textarea></label>
            <div class="form inline"><button type="submit" class="primary" disabled=${busy}>Save</button>
            <button type="button" onClick=${() => setEditing(false)}>Leave it</button></div>
          </form>`
        : html`<div class="row-main">${memory.text}
              <span class="soft">${memory.kind} · ${SOURCES[memory.source.kind]} · ${percent(memory.confidence)} sure · ${time(memory.updatedAtMs)}</span>
            </div>
            <button type="button" class="quiet" aria-label=${`Change: ${memory.text}`} onClick=${() => setEditing(true)}>Change</button>
            <button type="button" class="quiet" disabled=${busy} aria-label=${`Forget: ${memory.text}`} onClick=${() => act('DELETE')}>Forget</button>`
    }
    <${Problem} error=${error} />
  </li>`
}

export function Twin({ onErased }) {
  const [twin, setTwin] = useState(null)
  const [query, setQuery] = useState('')
  const read = async (words = query) =>
    setTwin(
      await get(`/api/v1/twin${words.trim() === '' ? '' : `?query=${encodeURIComponent(words.trim())}`}`),
    )
  const reading = useAction(read)
  const adding = useAction(async (form) => {
    await send('POST', '/api/v1/twin', { text: String(new FormData(form).get('text')) })
    form.reset()
    await read()
  })
  useEffect(() => {
    reading.act()
  }, [])
  const eraseAll = async () => {
    await send('DELETE', '/api/v1/twin')
    await read()
    onErased()
    return true
  }
  const add = (event) => {
    event.preventDefault()
    adding.act(event.currentTarget)
  }
  const search = (event) => {
    event.preventDefault()
    const words = String(new FormData(event.currentTarget).get('query'))
    setQuery(words)
    reading.act(words)
  }
  return html`<${Section} id="twin" title="Twin">
    <p class="soft">What this node remembers of you: encrypted here, used in your own requests, never sent to members.</p>
    ${twin?.isEnabled === false ? html`<p class="foot">The Twin is switched off (<code>twin.enabled</code>).</p>` : null}
    <form class="form inline" role="search" onSubmit=${search}>
      <label>Look for<input name="query" type="search" /></label><button type="submit">Look</button>
    </form>
    ${
      twin === null
        ? html`<${Loading} />`
        : twin.memories.length === 0
          ? html`<${Empty}>${twin.total === 0 ? 'Nothing yet. Say “remember that …”, or add it here.' : 'Nothing fits.'}<//>`
          : html`<ul class="rows">${twin.memories.map(
              (memory) => html`<${Memory} key=${memory.id} memory=${memory} onChanged=${() => read()} />`,
            )}</ul>`
    }
    <form class="form" onSubmit=${add}>
      <label>Remember<input name="text" required maxlength="2000" placeholder="I prefer metric units" /></label>
      <div class="actions start"><button type="submit" class="primary" disabled=${adding.busy}>Remember it</button></div>
    </form>
    <div class="form inline">
      <button type="button" class="quiet" onClick=${() => download('/api/v1/twin/export', 'twin.json')}>Export</button>
      <${Confirm} label="Erase everything" question="Erase everything that you told this node?" explain="The Twin, all your conversations, stored responses and logged calls: their keys and bytes are overwritten. It cannot be brought back." verb="Erase everything" action=${eraseAll} />
    </div>
    <${Problem} error=${reading.error ?? adding.error} />
  <//>`
}

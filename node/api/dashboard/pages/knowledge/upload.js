/** Adds files of the device that the browser runs on: the node may be another machine. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Bar, Problem, useAction } from '../../parts/widgets.js'

const MOST_TOLD = 20

export function Upload({ info }) {
  const [progress, setProgress] = useState(null)
  const { busy, error, act } = useAction(async (files) => {
    const refused = []
    for (const [index, file] of files.entries()) {
      setProgress({ done: index, total: files.length, refused })
      const source = file.webkitRelativePath || file.name
      try {
        await send(
          'POST',
          `/api/v1/collections/${encodeURIComponent(info.id)}/upload?source=${encodeURIComponent(source)}`,
          file,
        )
      } catch (thrown) {
        // One that is refused does not keep the others out.
        if (thrown.status === 0 || thrown.status === 401) throw thrown
        refused.push({ name: source, code: thrown.code, message: thrown.message })
      }
    }
    setProgress({ done: files.length, total: files.length, refused })
  })
  const choose = (event) => {
    const files = [...event.currentTarget.files]
    event.currentTarget.value = ''
    if (files.length > 0) act(files)
  }
  return html`<div class="upload">
    <label class=${`button ${busy ? 'off' : ''}`}>Add files from this device<input class="hidden" type="file" multiple disabled=${busy} onChange=${choose} /></label>
    ${
      progress === null
        ? null
        : html`<span role="status" class="soft">${busy ? `${progress.done + 1} of ${progress.total}` : `${progress.total - progress.refused.length} of ${progress.total} sent`}</span>
          ${busy ? html`<${Bar} share=${progress.done / progress.total} label="Files sent" />` : null}
          <ul class="gaps">${progress.refused.slice(0, MOST_TOLD).map(({ name, code, message }) => html`<li key=${name}><strong>${name}</strong> ${message} <code>${code}</code></li>`)}</ul>`
    }
    <${Problem} error=${error} />
  </div>`
}

/** What a run has found: the winning genome in words, the model that it makes, and the way to have it here. */
import { send } from '../../parts/connection.js'
import { short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Copy, Problem, Section, textOf, useForm } from '../../parts/widgets.js'

const idFrom = (name) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60) || 'evolved'

function Adopt({ report }) {
  const { cid, builders } = report.result
  const { busy, error, submit } = useForm(async (form) => {
    const id = textOf(form, 'id')
    // Only those that were drawn to build the winner have it; the others fetch it, and check it by its CID.
    await send('POST', `/api/v1/artifacts/${cid}/fetch`, { providers: builders })
    const model = await send('POST', '/api/v1/models', { artifact: cid, id })
    goTo('models', model.id)
  })
  const isBetter = report.final?.beatsAllSeeds === true
  return html`<form class="form inline" onSubmit=${submit}>
      <label>Keep it among this node’s models as<input name="id" required maxlength="64" pattern="[a-z0-9][a-z0-9._\\-]*" defaultValue=${report.publish?.id ?? idFrom(report.name)} /></label>
      <button type="submit" class=${isBetter ? 'primary' : ''} disabled=${busy}>${busy ? 'Adding…' : 'Add the model'}</button>
    </form>
    ${report.kind === 'compression' ? html`<p class="soft">It comes packed, as it travels; its page makes one of it that runs.</p>` : null}
    ${isBetter ? null : html`<p class="doubt">The comparison does not tell it apart from all that there was before.</p>`}
    <${Problem} error=${error} />`
}

export function Winner({ report, words, state, nameOf }) {
  const { result } = report
  const known = result.cid === null ? undefined : (state.models ?? []).find(({ cid }) => cid === result.cid)
  return html`<${Section} id="winner" title="What was found">
    <p>${words(result.genome)}</p>
    ${
      result.cid === null
        ? html`<p class="soft">The genome is the result: there is no model to make of it.</p>`
        : html`<p class="soft">Built alike by ${result.builders.map(nameOf).join(', ')}: <${Copy} text=${result.cid} label="the CID of the model">${short(result.cid)}<//></p>`
    }
    ${
      known !== undefined
        ? html`<p>It is the model <a href=${placeOf('models', known.id)}>${known.id}</a> of this node.</p>`
        : result.cid !== null
          ? html`<${Adopt} report=${report} />`
          : null
    }
  <//>`
}

/** The forms for new jobs, a tab each. Merges, evolution and geometry have their own page. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { CompressForm } from './compress-form.js'
import { EvaluateForm } from './evaluate-form.js'
import { TrainForm } from './train-form.js'

const FORMS = { compress: CompressForm, evaluate: EvaluateForm, train: TrainForm }
const TITLES = { compress: 'Compress', evaluate: 'Evaluate', train: 'Train' }
const ABOUT = {
  compress:
    'Makes a smaller form of a model and measures what it keeps. The machines of the village share the work.',
  evaluate: 'Puts the items of a suite to models, and says how they did, with 95% intervals.',
  train: 'Trains a language model on texts of this machine. The texts stay here, and so does the work.',
}

export function NewJob({ state, kind = 'compress', model }) {
  const { models, catalog } = state
  const [started, setStarted] = useState(0)
  const [wanted, setWanted] = useState(0)
  const { busy, error, act } = useAction(async (bodies) => {
    const jobs = []
    setStarted(0)
    setWanted(bodies.length)
    for (const body of bodies) {
      jobs.push(await send('POST', '/api/v1/jobs', body))
      setStarted(jobs.length)
    }
    if (jobs.length === 1) goTo('jobs', jobs[0].id)
    else goTo('jobs')
  })
  const name = kind in FORMS ? kind : 'compress'
  const Form = FORMS[name]
  return html`<${Section} id="new-job" title="New job" aside=${html`<a href="#jobs">All jobs</a>`}>
    <nav class="tabs" aria-label="Kind of job">
      ${Object.keys(FORMS).map(
        (one) =>
          html`<a class="button" href=${placeOf('jobs', 'new', one, ...(model ? [model] : []))} aria-current=${one === name ? 'page' : undefined}>${TITLES[one]}</a>`,
      )}
    </nav>
    <p class="foot">${ABOUT[name]} Merges and geometry are jobs too: <a href="#evolution/merge">merge</a>, <a href="#evolution/geometry">geometry</a>.</p>
    ${
      models === undefined || catalog === undefined
        ? html`<${Loading} lines=${4} />`
        : models.length === 0
          ? html`<${Empty}>There is no model yet. <a href="#models/~add">Add one.</a><//>`
          : html`<${Form} key=${`${name} ${model}`} models=${models} catalog=${catalog} model=${model} act=${act} busy=${busy} />`
    }
    ${busy && wanted > 1 ? html`<p role="status">Starting ${Math.min(started + 1, wanted)} of ${wanted}…</p>` : null}
    <${Problem} error=${error} />
    ${error !== null && started > 0 ? html`<p class="foot">${started} of the jobs were submitted before that: <a href="#jobs">look at them</a>.</p>` : null}
  <//>`
}

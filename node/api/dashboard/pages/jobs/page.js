/** The page of the jobs: all of them, one of them (`#jobs/ID`), or the form for a new one (`#jobs/new/KIND/MODEL`). */
import { html } from '../../parts/html.js'
import { Job } from './job.js'
import { JobList } from './job-list.js'
import { NewJob } from './new-job.js'

export function Page({ state, refresh, place }) {
  const [first, kind, model] = place
  if (first === 'new') return html`<${NewJob} state=${state} kind=${kind} model=${model} />`
  if (first) return html`<${Job} key=${first} id=${first} state=${state} refresh=${refresh} />`
  return html`<${JobList} state=${state} refresh=${refresh} />`
}

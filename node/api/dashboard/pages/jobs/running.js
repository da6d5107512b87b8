/** Running jobs in brief: a line and a bar each, for wherever somebody wants to know what goes on. */
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Bar, Empty } from '../../parts/widgets.js'
import { beginningOf, codecWords, shareOf, titleOf } from './job-words.js'

export function JobLine({ job, tasks }) {
  const title = titleOf(job)
  const codec = codecWords(job.params)
  return html`<li class="job-line">
    <a href=${placeOf('jobs', job.id)}>${title}</a>${codec === '' ? null : html` <small>${codec}</small>`}
    <small class="job-line-side">${beginningOf(job) ?? `${job.stage === null ? '' : `${job.stage}, `}${job.done} of ${counted(job.total, 'task')}`}</small>
    <${Bar} share=${shareOf(job, tasks)} label=${`Progress of ${title}`} tone=${job.state} />
  </li>`
}

/** `limit`: how many at most. */
export function RunningJobs({ state, limit = 5 }) {
  const running = (state.jobs ?? []).filter((job) => job.state === 'running').reverse()
  if (running.length === 0) return html`<${Empty}>No job is running.<//>`
  return html`<ul class="job-lines">
      ${running.slice(0, limit).map((job) => html`<${JobLine} key=${job.id} job=${job} tasks=${state.tasks?.[job.id]} />`)}
    </ul>
    ${running.length > limit ? html`<p class="foot"><a href="#jobs">and ${running.length - limit} more</a></p>` : null}`
}

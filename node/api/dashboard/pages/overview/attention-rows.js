/** What a person should look at, worst first, each with the way there. */
import { counted } from '../../parts/format.js'
import { placeOf } from '../../parts/place.js'
import { nameOfAgent, wishOf } from '../../parts/tool-words.js'
import { titleOf } from '../jobs/job-words.js'

const PAUSES = {
  battery: 'This machine runs on battery: it takes no work of others until it is plugged in.',
  temperature: 'This machine is too warm: it takes no work until it has cooled down.',
  memory: 'Memory is low: this node takes no work until there is more.',
}
const FAILED_FOR_MS = 86_400_000

/** @returns {{ key: string, tone: 'bad' | 'warn', text: string, href: string, verb: string }[]} */
export function attentionOf({ status, approvals, jobs, models, pulls }, nowMs) {
  const rows = []
  for (const { id, agent, tool } of approvals ?? [])
    rows.push({
      key: `approval ${id}`,
      tone: 'warn',
      text: `${nameOfAgent(agent)} waits for your approval to ${wishOf(tool)}.`,
      href: '#agents',
      verb: 'Decide',
    })
  for (const job of jobs ?? []) {
    if (job.doubt !== null)
      rows.push({
        key: `doubt ${job.id}`,
        tone: 'bad',
        text: `${titleOf(job)}: ${counted(job.doubt.tasks, 'task')} of it ${job.doubt.tasks === 1 ? 'rests' : 'rest'} on the word of a member that lied since.`,
        href: placeOf('jobs', job.id),
        verb: 'Look',
      })
    if (job.state === 'failed' && nowMs - (job.finishedAtMs ?? 0) < FAILED_FOR_MS)
      rows.push({
        key: `job ${job.id}`,
        tone: 'bad',
        text: `${titleOf(job)} failed${job.error ? `: ${job.error.message}` : ''}.`.replace(/\.\.$/, '.'),
        href: placeOf('jobs', job.id),
        verb: 'Look',
      })
  }
  for (const { id, doubt } of models ?? [])
    if (doubt !== null)
      rows.push({
        key: `model ${id}`,
        tone: 'bad',
        text: `Model ${id} rests on the word of a member that lied since.`,
        href: placeOf('models', id),
        verb: 'Look',
      })
  for (const pull of pulls ?? [])
    if (pull.state === 'failed')
      rows.push({
        key: `pull ${pull.id}`,
        tone: 'warn',
        text: `${pull.request.name} could not be pulled.`,
        href: '#models',
        verb: 'Look',
      })
  if (status?.resources.accepting === false)
    rows.push({
      key: 'paused',
      tone: 'warn',
      text: PAUSES[status.resources.reason] ?? `This node takes no work: ${status.resources.reason}.`,
      href: '#settings/resources',
      verb: 'Settings',
    })
  if ((status?.knowledge.problems ?? 0) > 0)
    rows.push({
      key: 'knowledge',
      tone: 'bad',
      text: `${counted(status.knowledge.problems, 'collection')} cannot be read.`,
      href: '#knowledge',
      verb: 'Look',
    })
  return rows.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'))
}

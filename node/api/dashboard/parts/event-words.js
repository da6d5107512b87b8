/**
 * The daemon's events in words. `nameOf` gives the name of a peer; what else others chose (names of models, of runs) is
 * shown as text. A type that is not here (of a newer daemon) is shown by its name.
 */
import { bytes, counted, short } from './format.js'
import { nameOfAgent, wishOf } from './tool-words.js'

const PAUSES = { battery: 'it runs on battery', temperature: 'it is too warm', memory: 'memory is low' }
const share = (done, total) => (total > 0 ? `${Math.round((100 * done) / total)}%` : `${done}`)
const joined = (keys) => (keys.length === 0 ? 'nothing' : keys.join(', '))

/** Type → `(data, nameOf) => text`. */
const WORDS = {
  'peer:connected': ({ peer }, nameOf) => `${nameOf(peer)} connected.`,
  'peer:disconnected': ({ peer }, nameOf) => `${nameOf(peer)} went away.`,
  'peer:quarantined': ({ peer, kind, reason }, nameOf) =>
    `${nameOf(peer)} returned a wrong result of ${kind} and is quarantined: ${reason}.`,
  'village:changed': ({ village }) =>
    village === null ? 'This node left its village.' : 'The village changed.',
  'member:joined': ({ name, role }) => `${name} joined the village as ${role}.`,
  'member:revoked': ({ peer }, nameOf) => `${nameOf(peer)} was revoked.`,
  'member:left': ({ peer }, nameOf) => `${nameOf(peer)} left the village.`,
  'artifact:added': ({ cid, name, sizeBytes }) =>
    `Artifact ${name ?? short(cid)} was added, ${bytes(sizeBytes)}.`,
  'artifact:progress': ({ cid, doneBytes, totalBytes }) =>
    `Artifact ${short(cid)} comes in: ${bytes(doneBytes)} of ${bytes(totalBytes)}.`,
  'artifact:removed': ({ cid }) => `Artifact ${short(cid)} was removed.`,
  'job:changed': ({ job, kind, state, done, total, stage }) =>
    state === 'running'
      ? `Job ${short(job)} (${kind}): ${stage === null ? '' : `${stage}, `}${done} of ${counted(total, 'task')}.`
      : `Job ${short(job)} (${kind}) is ${state}.`,
  'job:doubted': ({ job, kind, peers, tasks }) =>
    peers.length === 0
      ? `Job ${short(job)} (${kind}) is not in doubt any more.`
      : `Job ${short(job)} (${kind}) rests on the word of a liar in ${counted(tasks, 'task')}.`,
  'task:changed': ({ job, task, state, peer, progress }, nameOf) =>
    `Task ${task} of job ${short(job)}: ${state}${peer === null ? '' : ` by ${nameOf(peer)}`}${
      state === 'leased' && progress > 0 ? `, ${share(progress, 1)}` : ''
    }.`,
  'model:added': ({ id }) => `Model ${id} was added.`,
  'model:removed': ({ id }) => `Model ${id} was removed.`,
  'model:shared': ({ id, shared }) =>
    shared ? `Model ${id} is shared with the village.` : `Model ${id} is not shared any more.`,
  'model:doubted': ({ id, job }) =>
    job === null ? `Model ${id} is not in doubt any more.` : `Model ${id} rests on the word of a liar.`,
  'pull:changed': ({ name, state, stage, doneBytes, totalBytes }) =>
    state === 'running'
      ? `Pulling ${name}: ${stage}, ${totalBytes === 0 ? bytes(doneBytes) : share(doneBytes, totalBytes)}.`
      : `The pull of ${name} is ${state}.`,
  'pull:removed': () => 'A pull was taken off the list.',
  'shares:changed': ({ peer }, nameOf) => `What ${nameOf(peer)} shares changed.`,
  'training:metrics': ({ job, step, steps, loss }) =>
    `Training ${short(job)}: step ${step} of ${steps}, loss ${loss.toPrecision(4)}.`,
  'training:grokking': ({ job, step, dimensionBefore, dimension }) =>
    `Training ${short(job)} may begin to generalise at step ${step}: dimension ${dimensionBefore.toPrecision(3)} to ${dimension.toPrecision(3)}.`,
  'generate:loaded': ({ model, residentBytes }) => `${model} was loaded, ${bytes(residentBytes)}.`,
  'generate:unloaded': ({ model, reason }) => `${model} was unloaded: ${reason}.`,
  'collection:created': ({ name }) => `Collection ${name} was created.`,
  'collection:changed': ({ name }) => `Collection ${name} changed.`,
  'collection:removed': ({ name }) => `Collection ${name} was removed.`,
  'index:changed': ({ name, state, doneFiles, files }) =>
    state === 'running' || state === 'waiting'
      ? `Indexing ${name}: ${doneFiles} of ${counted(files, 'file')}.`
      : `The indexing of ${name} is ${state}.`,
  'federation:changed': ({ name, state, round, rounds, waiting }) =>
    `Federation ${name}: ${waiting === null ? `${state}, round ${round} of ${rounds}` : 'waits for members'}.`,
  'round:changed': ({ name, phase, generation, isPaused }) =>
    `Run ${name}: ${isPaused ? 'stands still' : phase}, generation ${generation}.`,
  'round:lie': ({ peer, kind }, nameOf) => `${nameOf(peer)} lied in a run (${kind}).`,
  'round:published': ({ name }) => `Run ${name} has a winner.`,
  'self-evolution:started': ({ goal }) => `Self-evolution of ${goal} began.`,
  'self-evolution:ended': ({ goal, outcome, reason }) =>
    `Self-evolution of ${goal} ended, ${outcome}${reason === '' ? '' : `: ${reason}`}.`,
  'self-evolution:rolled-back': ({ goal, version }) => `${goal} went back to version ${version}.`,
  'agent:request': ({ agent, finish }) =>
    finish === null ? `${nameOfAgent(agent)} was asked.` : `${nameOfAgent(agent)} is done: ${finish}.`,
  'agent:approval': ({ agent, tool, state }) =>
    state === 'waiting'
      ? `${nameOfAgent(agent)} asks whether it may ${wishOf(tool)}.`
      : `The wish of ${nameOfAgent(agent)} to ${wishOf(tool)} was ${state}.`,
  'resources:changed': ({ accepting, reason }) =>
    accepting ? 'This node takes work.' : `This node takes no work: ${PAUSES[reason] ?? reason}.`,
  'config:changed': ({ applied, needRestart }) =>
    `Settings changed: ${joined([...applied, ...needRestart])}.${needRestart.length > 0 ? ' Some need a restart.' : ''}`,
}

/** Types that are told to those who do not see the page; progress is not. */
const ANNOUNCED = {
  'peer:connected': true,
  'peer:disconnected': true,
  'peer:quarantined': true,
  'member:joined': true,
  'member:left': true,
  'member:revoked': true,
  'model:added': true,
  'resources:changed': true,
  'job:doubted': ({ peers }) => peers.length > 0,
  'job:changed': ({ state }) => state !== 'running',
  'pull:changed': ({ state }) => state === 'failed' || state === 'done',
  'index:changed': ({ state }) => state !== 'running' && state !== 'waiting',
  'agent:approval': ({ state }) => state === 'waiting',
  'round:published': true,
  'federation:changed': ({ state }) => state !== 'running',
}

const BAD = {
  'peer:quarantined': true,
  'member:revoked': true,
  'round:lie': true,
  'job:doubted': ({ peers }) => peers.length > 0,
  'model:doubted': ({ job }) => job !== null,
  'job:changed': ({ state }) => state === 'failed',
  'task:changed': ({ state }) => state === 'failed',
  'pull:changed': ({ state }) => state === 'failed',
  'index:changed': ({ state }) => state === 'failed',
  'federation:changed': ({ state }) => state === 'failed',
  'resources:changed': ({ accepting }) => !accepting,
  'agent:approval': ({ state }) => state === 'waiting',
}

const holds = (rule, data) => (typeof rule === 'function' ? rule(data) : rule === true)

/** @param {{ type: string, data: any }} event @param {(peer: string) => string} nameOf */
export const wordsOf = ({ type, data }, nameOf) => WORDS[type]?.(data, nameOf) ?? type
/** Whether somebody should look. @param {{ type: string, data: any }} event */
export const isNotable = ({ type, data }) => holds(BAD[type], data)
/** @param {{ type: string, data: any }} event */
export const isAnnounced = ({ type, data }) => holds(ANNOUNCED[type], data)
/** What has words, for the list of types. */
export const EVENT_TYPES = Object.keys(WORDS)

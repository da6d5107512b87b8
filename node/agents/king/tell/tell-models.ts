/** What models, jobs and runs of evolution came to, in sentences: a row for each tool. */
import type { JsonObject } from '../../../json.ts'
import {
  countOf,
  listed,
  numberOf,
  objectOf,
  objectsOf,
  percentOf,
  shortNumber,
  sizeOf,
  timeOf,
  together,
  wordOf,
} from './figures.ts'
import type { TellRow } from './tell-result.ts'

function compressed(content: JsonObject): string {
  const { model, sizeBytes, ratio, bitsPerWeight, quality } = content
  const times = numberOf(ratio)
  const bits = numberOf(bitsPerWeight)
  const kept = percentOf(quality)
  return `${wordOf(model)}: ${together(
    sizeOf(sizeBytes),
    times !== null && `${times.toFixed(1)} times smaller`,
    bits !== null && `${bits.toFixed(1)} bits a weight`,
    kept !== null && `keeps ${kept}`,
  )}.`
}

function metricText({ name, value, low, high }: JsonObject): string | null {
  const said = shortNumber(value)
  if (said === null) return null
  const [from, to] = [shortNumber(low), shortNumber(high)]
  return `${wordOf(name)} ${said}${from === null || to === null ? '' : ` (${from} to ${to})`}`
}

function evaluated(content: JsonObject): string {
  const { suite, items } = content
  const lines = objectsOf(content.models).map(({ model, score, metrics }) => {
    const told = together(...objectsOf(metrics).map(metricText))
    return `${wordOf(model)}: ${told || shortNumber(score) || 'no figure'}`
  })
  const by = together(wordOf(suite), countOf(items, 'item'))
  if (lines.length === 0) return together(wordOf(content.model), shortNumber(content.score), by)
  return lines.length === 1
    ? `${lines[0]}${by === '' ? '' : ` (${by})`}.`
    : listed(`Measured by ${by}:`, lines)
}

function compared({ first, second, better, suite, measures }: JsonObject): string {
  const [one, two, winner] = [wordOf(first), wordOf(second), wordOf(better)]
  const head =
    winner === ''
      ? `${one} and ${two} cannot be told apart.`
      : `${winner} is better than ${winner === one ? two : one}.`
  const lines = objectsOf(measures).flatMap((row) => {
    const figures = [shortNumber(row.first), shortNumber(row.second)]
    if (figures.includes(null)) return []
    const items = countOf(row.items, 'item')
    return [
      `${wordOf(row.measure)}: ${one} ${figures[0]}, ${two} ${figures[1]}${items === null ? '' : ` (${items})`}`,
    ]
  })
  const by = wordOf(suite)
  return listed(by === '' ? head : `${head} Measured by ${by}.`, lines)
}

const merged = ({ model, method, parameters, tensors }: JsonObject): string =>
  `${together(`${wordOf(model)} is merged${wordOf(method) === '' ? '' : ` (${wordOf(method)})`}`, countOf(parameters, 'parameter'), countOf(tensors, 'tensor'))}.`

function trained({ model, step, steps, heldOutBefore, heldOutLoss, loss }: JsonObject): string {
  const [at, all] = [numberOf(step), countOf(steps, 'step')]
  const [before, after, last] = [shortNumber(heldOutBefore), shortNumber(heldOutLoss), shortNumber(loss)]
  return `${wordOf(model)} is trained: ${together(
    all !== null && (at === null ? all : `${at.toLocaleString('en-GB')} of ${all}`),
    after === null
      ? last !== null && `loss ${last}`
      : before === null
        ? `loss on held-out text ${after}`
        : `loss on held-out text ${before} before and ${after} now`,
  )}.`.replace(': .', '.')
}

function measured({ models, pairs }: JsonObject): string {
  const lines = objectsOf(models).map(({ model, layers, meanStableRank, meanTailExponent }) => {
    const last = objectsOf(layers).at(-1) ?? {}
    const [dimension, ratio] = [shortNumber(last.intrinsicDimension), shortNumber(last.participationRatio)]
    const [rank, tail] = [shortNumber(meanStableRank), shortNumber(meanTailExponent)]
    return `${wordOf(model)}: ${together(
      countOf(objectsOf(layers).length, 'layer'),
      dimension !== null && `intrinsic dimension ${dimension}`,
      ratio !== null && `participation ratio ${ratio} (last layer)`,
      rank !== null && `mean stable rank ${rank}`,
      tail !== null && `mean tail exponent ${tail}`,
    )}`
  })
  const against = objectsOf(pairs).map(({ first, second, barrier, alignment }) => {
    const last = objectsOf(alignment).at(-1) ?? {}
    const [height, alike] = [shortNumber(barrier), shortNumber(last.debiased ?? last.linear)]
    return `${wordOf(first)} and ${wordOf(second)}: ${
      together(
        alike !== null && `alignment of the last layer ${alike}`,
        height !== null && `barrier ${height}`,
      ) || 'nothing to compare'
    }`
  })
  return listed('Geometry:', [...lines, ...against])
}

/** The size first: it is what is asked for most. */
const modelLine = ({ model, sizeBytes, kind, parameters, parent }: JsonObject): string =>
  `${wordOf(model)}: ${together(sizeOf(sizeBytes), wordOf(kind), countOf(parameters, 'parameter'), wordOf(parent) !== '' && `made from ${wordOf(parent)}`)}`

const MAX_TENSORS = 5

function inspected(content: JsonObject): string {
  const { addedAt, compression, tensors, tensorCount } = content
  const totals = objectOf(compression)
  const [times, bits, added] = [numberOf(totals.ratio), numberOf(totals.bitsPerWeight), timeOf(addedAt)]
  const largest = objectsOf(tensors)
    .slice(0, MAX_TENSORS)
    .map(({ name, shape }) => `${wordOf(name)}${Array.isArray(shape) ? ` (${shape.join(' × ')})` : ''}`)
  return [
    `${modelLine(content)}.`,
    ...(times === null
      ? []
      : [
          `It is compressed: ${together(`${times.toFixed(1)} times smaller`, bits !== null && `${bits.toFixed(1)} bits a weight`)}.`,
        ]),
    ...(largest.length === 0
      ? []
      : [`It has ${countOf(tensorCount, 'tensor') ?? 'tensors'}, the largest: ${largest.join(', ')}.`]),
    ...(added === null ? [] : [`It was added on ${added}.`]),
  ].join('\n')
}

const madeHere = (verb: string) => (content: JsonObject) => {
  const size = sizeOf(content.sizeBytes)
  return `${wordOf(content.model)} ${verb}${size === null ? '' : `: ${size}`}.`
}

function embedded({ model, cosines }: JsonObject): string {
  const rows = Array.isArray(cosines) ? cosines : []
  const pairs = rows.flatMap((row, at) =>
    (Array.isArray(row) ? row : []).flatMap((value, other): string[] => {
      const alike = numberOf(value)
      return other <= at || alike === null ? [] : [`texts ${at + 1} and ${other + 1}: ${alike.toFixed(2)}`]
    }),
  )
  const by = `by ${wordOf(model)}; 1 is the same, 0 unrelated`
  if (pairs.length === 0) return `Embedded by ${wordOf(model)}.`
  return pairs.length === 1
    ? `The two texts are alike to ${pairs[0]!.split(': ')[1]} (${by}).`
    : listed(`How alike they are (${by}):`, pairs)
}

const FIGURES: Readonly<Record<string, (content: JsonObject) => string>> = {
  compress: compressed,
  evaluate: evaluated,
  merge: merged,
  train: trained,
  geometry: measured,
}

const ID_UNITS = 8

function jobLine({ job, kind, state, stage, done, total, createdAt, finishedAt, error }: JsonObject): string {
  const code = wordOf(objectOf(error).code)
  const of = numberOf(total)
  const isOn = state === 'running'
  return `${wordOf(kind)} ${wordOf(job).slice(0, ID_UNITS)} is ${together(
    `${wordOf(state)}${code === '' ? '' : ` (${code})`}`,
    isOn && wordOf(stage),
    isOn && of !== null && of > 0 && `${numberOf(done) ?? 0} of ${countOf(of, 'task')}`,
    timeOf(finishedAt) === null
      ? timeOf(createdAt) !== null && `begun ${timeOf(createdAt)}`
      : `ended ${timeOf(finishedAt)}`,
  )}`
}

function jobTold(content: JsonObject): string {
  const came = content.state === 'done' ? FIGURES[wordOf(content.kind)]?.(content) : undefined
  const fix = wordOf(objectOf(content.error).fix)
  return [`${jobLine(content)}.`, ...(came === undefined ? [] : [came]), ...(fix === '' ? [] : [fix])].join(
    '\n',
  )
}

function runLine({
  run,
  name,
  phase,
  isPaused,
  generation,
  generations,
  participants,
  best,
}: JsonObject): string {
  const [at, all] = [numberOf(generation), numberOf(generations)]
  const mean = shortNumber(objectOf(best).mean)
  const title = wordOf(name)
  return `${title === '' ? '' : `${title}, `}run ${wordOf(run).slice(0, ID_UNITS)}: ${together(
    `${wordOf(phase)}${isPaused === true ? ' (paused)' : ''}`,
    at !== null && all !== null && `generation ${at} of ${all}`,
    countOf(participants, 'participant'),
    mean !== null && `best ${mean}`,
  )}`
}

const all = (content: JsonObject, list: string, noun: string) =>
  countOf(content.total ?? objectsOf(content[list]).length, noun)!

export const MODEL_ROWS: Readonly<Record<string, TellRow>> = {
  model_compress: compressed,
  model_evaluate: evaluated,
  model_compare: compared,
  model_merge: merged,
  model_train: trained,
  geometry_measure: measured,
  model_list: (content) =>
    objectsOf(content.models).length === 0
      ? 'There is no model of that kind on this node.'
      : listed(`${all(content, 'models', 'model')}:`, objectsOf(content.models).map(modelLine)),
  model_inspect: inspected,
  model_add: madeHere('is added'),
  model_pull: madeHere('is here'),
  // The text is the model's own, and comes as it is.
  model_generate: ({ text }) =>
    typeof text === 'string' && text.trim() !== '' ? text : 'The model wrote nothing.',
  text_embed: embedded,
  job_list: (content) =>
    objectsOf(content.jobs).length === 0
      ? 'There are no such jobs.'
      : listed(`${all(content, 'jobs', 'job')}, newest first:`, objectsOf(content.jobs).map(jobLine)),
  job_show: jobTold,
  job_wait: jobTold,
  job_cancel: ({ job }) => `The job ${wordOf(job).slice(0, ID_UNITS)} is cancelled.`,
  round_list: (content) =>
    objectsOf(content.runs).length === 0
      ? 'There are no runs of evolution.'
      : listed(
          `${all(content, 'runs', 'run')} of evolution, newest first:`,
          objectsOf(content.runs).map(runLine),
        ),
  round_show: (content) => `${runLine(content)}.`,
  evolve_start: ({ run, phase }) =>
    `The run ${wordOf(run).slice(0, ID_UNITS)} is announced${wordOf(phase) === '' ? '' : ` (${wordOf(phase)})`}; it goes on by itself.`,
}

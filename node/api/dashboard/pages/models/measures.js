/** What is known of the quality of several models, from measurements alone: what stands on the axes of the comparison. */
import { percentText } from './model-words.js'

/** What models are laid out by. */
export const SIZES = [
  { name: 'bits', title: 'bits a compressed weight', of: (model) => model.report?.totals?.bitsPerWeight },
  {
    name: 'parameter',
    title: 'bits a parameter, all of the model',
    of: (model) => model.report?.totals?.bitsPerParameter,
  },
  { name: 'packed', title: 'packed MiB', of: (model) => inMebibytes(model.report?.totals?.packedBytes) },
  {
    name: 'runnable',
    title: 'runnable MiB',
    of: (model) => inMebibytes(model.report?.totals?.runnableBytes),
  },
]

const inMebibytes = (sizeBytes) => (sizeBytes === undefined ? undefined : sizeBytes / 2 ** 20)

/**
 * The measures that at least one of `forms` has. `of(model)` gives `{ value, low, high }` or undefined; `original`: that of the
 * model they were made from, or null. A measure is of one suite and one list of items, so that its figures stand side by side.
 */
export function measuresOf(model, forms, evaluations) {
  const measures = new Map()
  const kept = { key: '', title: '', of: null, original: null }
  for (const form of forms) {
    const { quality } = form.report
    if (quality?.kept == null) continue
    const key = `kept ${quality.measure}`
    const of = (one) =>
      one.report?.quality?.measure === quality.measure ? (one.report.quality.kept ?? undefined) : undefined
    measures.set(key, {
      ...kept,
      key,
      title: `quality kept, by ${quality.measure}`,
      of,
      original: { value: 1, low: 1, high: 1 },
      format: percentText,
    })
  }
  const ids = new Map([model, ...forms].map(({ id, cid }) => [id, cid]))
  for (const one of evaluations) {
    // A name may have gone to another model since.
    if (ids.get(one.model) !== one.cid) continue
    // The figures of similarity compare with the first model of the job.
    const isRelative = one.suite === 'similarity'
    if (isRelative && one.reference !== model.id) continue
    for (const { name, title, value, low, high } of one.figures) {
      const key = `${one.list} ${name}`
      const found = measures.get(key) ?? { key, title: `${one.suite}: ${title}`, rows: new Map() }
      if (found.rows === undefined) continue
      found.rows.set(one.model, { value, low, high })
      measures.set(key, found)
    }
  }
  return [...measures.values()]
    .map((measure) =>
      measure.rows === undefined
        ? measure
        : { ...measure, of: ({ id }) => measure.rows.get(id), original: measure.rows.get(model.id) ?? null },
    )
    .filter((measure) => forms.some((form) => measure.of(form) !== undefined))
}

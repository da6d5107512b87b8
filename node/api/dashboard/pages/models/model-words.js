/** What is said of a model in a word or two. */
import { codecWords } from '../jobs/job-words.js'

const KINDS = {
  language: 'language model',
  encoder: 'sentence encoder',
  adapter: 'adapter',
  onnx: 'ONNX graph',
  safetensors: 'weights',
  packed: 'packed weights',
}

export const kindWords = ({ kind }) => KINDS[kind] ?? kind

/** Bits by parameter of everything that lies on the disk; what was not compressed counts as it is. */
export const bitsOf = ({ report, sizeBytes, parameters }) =>
  report?.totals?.bitsPerParameter ?? (parameters > 0 ? (sizeBytes * 8) / parameters : null)

/** The share of the original's quality that was measured when it was compressed, with its interval; null: not measured. */
export const keptOf = ({ report }) => report?.quality?.kept ?? null

export const codecOf = ({ report }) =>
  report?.totals === undefined
    ? ''
    : codecWords({ codec: report.codec, params: report.params, target: report.auto?.target })

export const percentText = (share) => `${(share * 100).toFixed(1)}%`

export function keptText(kept) {
  if (kept === null) return null
  const { value, low, high } = kept
  return low === value && high === value
    ? percentText(value)
    : `${percentText(value)} (${percentText(low)} to ${percentText(high)})`
}

/** Compressed forms of a model, also those that were made of it under another name of the same files. */
export const formsOf = (model, models) =>
  models.filter(
    ({ id, parent, report }) =>
      id !== model.id &&
      report?.totals !== undefined &&
      (parent === model.id || report.modelCid === model.cid),
  )

/** Which tool a clause is likest for, by the classifier that scripts/train-king.ts trains; `none`: it asks for nothing (a greeting, what was before, thanks). */
import { inflateRawSync } from 'node:zlib'
import type { Clause } from '../clause.ts'
import { featuresOf } from './clause-features.ts'
import { type LinearModel, sharesOf } from './linear-model.ts'
import weights from './weights.json' with { type: 'json' }

export const NOTHING_ASKED = 'none'

export interface Intent {
  readonly tool: string
  /** 0 to 1, of the tool. */
  readonly share: number
  shareOf(tool: string): number
}

/** Of the file that is shipped with this code. */
const unpacked = (text: string): Buffer => inflateRawSync(Buffer.from(text, 'base64'))

let model: LinearModel | null = null

/** Read when the first goal comes: a daemon that is never asked needs none of it. */
function loaded(): LinearModel {
  if (model !== null) return model
  const { features, scale } = weights
  const classes = weights.classes.split(' ')
  const bytes = unpacked(weights.rows)
  const numbers = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rows = new Map(
    unpacked(features)
      .toString()
      .split('\n')
      .map((feature, at) => [feature, numbers.subarray(at * classes.length, (at + 1) * classes.length)]),
  )
  model = { classes, rows, scale }
  return model
}

export function intentOf(clause: Pick<Clause, 'words' | 'mood'>): Intent {
  const trained = loaded()
  const shares = sharesOf(trained, featuresOf(clause))
  const best = shares.reduce((top, share, at) => (share > shares[top]! ? at : top), 0)
  return {
    tool: trained.classes[best]!,
    share: shares[best]!,
    shareOf: (tool) => shares[trained.classes.indexOf(tool)] ?? 0,
  }
}

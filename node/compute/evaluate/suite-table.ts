/** All suites by name: the built-in ones over vectors (suites.ts) and those over items, a row each. */
import { VillageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import type { ModelKind } from '../models/import/import-model.ts'
import type { ItemSuite } from './item-suite.ts'
import { custom } from './suites/custom.ts'
import { gsm8k } from './suites/gsm8k.ts'
import { humaneval } from './suites/humaneval.ts'
import { likelihood } from './suites/likelihood.ts'
import { mmlu } from './suites/mmlu.ts'
import { perplexity } from './suites/perplexity.ts'
import { retrieval } from './suites/retrieval.ts'
import { SUITES, type Suite } from './suites.ts'

/** The first that fits a model and needs no data is its default. */
export const ITEM_SUITES: readonly ItemSuite[] = [
  likelihood,
  mmlu,
  gsm8k,
  humaneval,
  perplexity,
  retrieval,
  custom,
]

export type AnySuite = Suite | ItemSuite

const ALL: readonly AnySuite[] = [...SUITES, ...ITEM_SUITES]

export const isItemSuite = (suite: AnySuite): suite is ItemSuite => 'form' in suite

/** Throws INVALID_ARGUMENT with the nearest name, or all of them. */
export function suiteNamed(name: string): AnySuite {
  const suite = ALL.find((row) => row.name === name)
  if (suite !== undefined) return suite
  const names = ALL.map((row) => row.name)
  const meant = nearest(name, names)
  const hint = meant === null ? `there is ${names.join(', ')}` : `did you mean "${meant}"?`
  throw new VillageError('INVALID_ARGUMENT', `There is no suite "${name.slice(0, 64)}"; ${hint}`, {
    fields: { argument: 'suite', suggestion: meant },
  })
}

const needsNoData = (suite: AnySuite): boolean => !isItemSuite(suite) || suite.files.required.length === 0

/** The first suite that fits a model and needs no data, or null. */
export function defaultSuite(model: { readonly kind: string }): AnySuite | null {
  return ALL.find((suite) => needsNoData(suite) && suite.fits(model)) ?? null
}

/** Kinds of models that a suite may be put to. */
const KINDS: readonly ModelKind[] = ['language', 'encoder', 'onnx', 'safetensors', 'packed', 'adapter']

/** The suites that can be asked for without data, with how many items they have and which kinds of models they fit. */
export function suitesWithoutData(): { name: string; title: string; items: number; kinds: ModelKind[] }[] {
  return ALL.filter(needsNoData).map((suite) => ({
    name: suite.name,
    title: suite.title,
    kinds: KINDS.filter((kind) => suite.fits({ kind })),
    items: isItemSuite(suite) ? suite.prepare({}, {}).items.length : suite.items,
  }))
}

/** For people: what kind of model a suite needs. */
export const neededBy = (suite: AnySuite): string => (isItemSuite(suite) ? suite.needs : 'an encoder')

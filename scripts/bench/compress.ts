/** Compression: the codecs by themselves, whole models through a daemon, and what is left of a real model. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { nearest } from '../../node/nearest.ts'
import type { Bench, BenchContext } from './bench.ts'
import { decodeSpeed, gaussianErrors, seedlmSearch } from './compress-codecs.ts'
import { autoRatio, encoderTable } from './compress-encoder.ts'
import { languageTable } from './compress-language.ts'
import { largeModel, mediumModel } from './compress-models.ts'
import { threePeers } from './compress-peers.ts'
import { runtimeForms } from './compress-runtime.ts'

/** One case by itself: `npm run bench -- compress --only medium`. */
const CASES: Readonly<Record<string, (context: BenchContext, directory: string) => Promise<void>>> = {
  search: seedlmSearch,
  error: gaussianErrors,
  decode: decodeSpeed,
  medium: mediumModel,
  large: largeModel,
  encoder: encoderTable,
  language: languageTable,
  auto: autoRatio,
  runtime: runtimeForms,
  peers: threePeers,
}

export const compressBench: Bench = {
  name: 'compress',
  title: `codecs and whole models (--only ${Object.keys(CASES).join(', ')})`,
  async run(context) {
    const unknown = context.only.find((name) => !Object.hasOwn(CASES, name))
    if (unknown !== undefined) {
      const meant = nearest(unknown, Object.keys(CASES))
      throw new Error(`there is no case ${unknown}${meant === null ? '' : `; did you mean ${meant}?`}`)
    }
    for (const [name, run] of Object.entries(CASES)) {
      if (context.only.length > 0 && !context.only.includes(name)) continue
      context.signal.throwIfAborted()
      const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
      try {
        await run(context, directory)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }
  },
}

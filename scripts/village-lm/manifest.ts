/** What was made, and how well it does: models/village-lm/manifest.json, from which the model cards are written. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Score } from './scores.ts'
import type { TrainingRecord } from './train-model.ts'

export const MANIFEST_FILE = 'manifest.json'
export const CARD_NAME = 'README.md'

export interface FileRecord {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

export interface DomainScore extends Score {
  readonly domain: string
}

export interface ModelRecord {
  /** Of the recipe, and of the folder. */
  readonly name: string
  /** All but the card, which is written from this. */
  readonly files: readonly FileRecord[]
  readonly training: TrainingRecord
  /** On the held-out questions of every domain. */
  readonly scores: readonly DomainScore[]
}

export interface Manifest {
  readonly version: 1
  readonly models: readonly ModelRecord[]
}

export function fileRecords(directory: string): FileRecord[] {
  return readdirSync(directory)
    .filter((name) => name !== CARD_NAME)
    .sort()
    .map((name) => {
      const bytes = readFileSync(path.join(directory, name))
      return { name, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
    })
}

/** An empty one where there is none yet. */
export function readManifest(directory: string): Manifest {
  const file = path.join(directory, MANIFEST_FILE)
  if (!existsSync(file)) return { version: 1, models: [] }
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest
  if (manifest.version !== 1) throw new Error(`${file} is of another version`)
  return manifest
}

/** Puts a record in the place of the one of its name, in the order of `names`. */
export function withRecord(manifest: Manifest, record: ModelRecord, names: readonly string[]): Manifest {
  const others = manifest.models.filter(({ name }) => name !== record.name)
  const models = [...others, record].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
  return { version: 1, models }
}

export function writeManifest(directory: string, manifest: Manifest): void {
  writeFileSync(path.join(directory, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** How well a model does on a domain, as a share. */
export function shareOf(record: ModelRecord, domain: string): number {
  const score = record.scores.find((one) => one.domain === domain)
  if (score === undefined) throw new Error(`${record.name} has no score on ${domain}`)
  return score.right / score.items
}

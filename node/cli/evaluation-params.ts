/** What `village evaluate` and `village compare` say of an evaluation; data files are uploaded to the daemon. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { ArtifactView } from './artifact.ts'
import type { CommandContext } from './command.ts'
import { optionText } from './command.ts'
import { flagOf } from './option-names.ts'
import { withUploadProgress } from './upload-progress.ts'

/** Options of the command line by the names that the job has for them. */
const NUMBERS = ['shots', 'limit', 'samples', 'temperature', 'seed', 'maxTokens', 'stride'] as const

export const hasEvaluationOptions = (context: CommandContext): boolean =>
  ['suite', 'data', 'shotsData', ...NUMBERS].some((name) => optionText(context, name) !== null)

function optionsOf(context: CommandContext): Record<string, number> {
  const options: Record<string, number> = {}
  for (const name of NUMBERS) {
    const text = optionText(context, name)
    if (text === null) continue
    const value = Number(text)
    if (text.trim() === '' || !(value >= 0)) throw new VillageError('USAGE', `${flagOf(name)} takes a number`)
    options[name] = value
  }
  return options
}

/** Stores a file of this machine as an artifact of the daemon; its CID. */
export async function uploadFile(context: CommandContext, file: string): Promise<string> {
  const stats = await stat(file).catch(() => null)
  if (stats?.isFile() !== true)
    throw new VillageError('FILE_UNREADABLE', `${file} is no file that can be read`)
  const query = new URLSearchParams({ name: path.basename(file) })
  const client = await context.client()
  const { cid } = await client.upload<ArtifactView>(
    `/api/v1/artifacts?${query}`,
    'application/octet-stream',
    withUploadProgress(createReadStream(file), stats.size, context.progress('upload')),
  )
  return cid
}

const isFile = (file: string): Promise<boolean> =>
  stat(file).then(
    (stats) => stats.isFile(),
    () => false,
  )

/** The files of a collection in BEIR's layout, by the names that the job has for them. */
async function collectionOf(directory: string): Promise<Record<string, string>> {
  const judgements = ['qrels.tsv', path.join('qrels', 'test.tsv')]
  const found: string[] = []
  for (const name of judgements) if (await isFile(path.join(directory, name))) found.push(name)
  const qrels = found[0]
  if (qrels === undefined)
    throw new VillageError('FILE_UNREADABLE', `${directory} has neither ${judgements.join(' nor ')}`)
  return {
    data: path.join(directory, 'corpus.jsonl'),
    queries: path.join(directory, 'queries.jsonl'),
    judgements: path.join(directory, qrels),
  }
}

/** Parameters of an `evaluate` job. */
export async function evaluationParams(
  context: CommandContext,
  models: readonly string[],
): Promise<JsonObject> {
  const options = optionsOf(context)
  const [suite, data, shotsData] = ['suite', 'data', 'shotsData'].map((name) => optionText(context, name))
  const paths: Record<string, string> = {}
  if (typeof data === 'string') {
    const given = path.resolve(data)
    const isDirectory = await stat(given).then(
      (stats) => stats.isDirectory(),
      () => false,
    )
    if (suite === 'retrieval' && !isDirectory)
      throw new VillageError('USAGE', '--data of the suite retrieval is a directory in BEIR’s layout')
    Object.assign(paths, isDirectory ? await collectionOf(given) : { data: given })
  }
  if (typeof shotsData === 'string') paths.shotsData = path.resolve(shotsData)
  const files: Record<string, string> = {}
  for (const [name, file] of Object.entries(paths)) files[name] = await uploadFile(context, file)
  return {
    models: [...models],
    ...(typeof suite === 'string' ? { suite } : {}),
    ...(Object.keys(files).length === 0 ? {} : { files }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
  }
}

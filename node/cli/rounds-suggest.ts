/** `village rounds suggest`: a candidate of one's own in place of the strategy's. */
import { readFile, stat } from 'node:fs/promises'
import { VillageError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { pickRun } from './run-view.ts'
import { readStdin } from './stdin.ts'

/** Far more than a genome may have: spaces and line breaks travel no further. */
const MAX_FILE_BYTES = 64 * 1024

async function readText(file: string): Promise<string> {
  if (file === '-') return readStdin(MAX_FILE_BYTES)
  try {
    if ((await stat(file)).size > MAX_FILE_BYTES)
      throw new VillageError('INVALID_ARGUMENT', `${file} is too long for a genome`)
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
  }
}

/** Throws INVALID_ARGUMENT for what is no JSON object. */
async function readGenome(file: string): Promise<JsonObject> {
  const text = await readText(file)
  let genome: JsonValue
  try {
    genome = JSON.parse(text) as JsonValue
  } catch (error) {
    throw new VillageError('INVALID_ARGUMENT', `${file} is not JSON`, { cause: error })
  }
  if (!isJsonObject(genome)) throw new VillageError('INVALID_ARGUMENT', `${file} holds no genome: {…}`)
  return genome
}

export async function suggest(context: CommandContext): Promise<CommandResult> {
  const [given = '', file = ''] = context.args
  const client = await context.client()
  const genome = await readGenome(file)
  const run = await pickRun(client, given)
  await client.send('POST', `/api/v1/runs/${run}/candidates`, { genome })
  return {
    document: { run, genome },
    text: `It goes into the next slot of run ${run} that belongs to this node; \`village evolve report ${run}\` shows what it scored.`,
  }
}

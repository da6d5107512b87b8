/** `village federate CONFIG`: the daemon checks the configuration and begins; texts are read by the daemon, where they are. */
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { parseDocument } from 'yaml'
import { VillageError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { followFederation } from './federate-follow.ts'
import type { FederationView } from './federation-text.ts'
import { federationResult } from './federations.ts'

const MAX_CONFIG_BYTES = 64 * 1024
/** Keys that name files; relative to the configuration, wherever the command runs. */
const FILES = ['test', 'texts'] as const

/** YAML, of which JSON is a part. Throws FILE_UNREADABLE, FEDERATION_CONFIG_INVALID. */
export async function readFederateFile(file: string): Promise<JsonObject> {
  let text: string
  try {
    const { size } = await stat(file)
    if (size > MAX_CONFIG_BYTES) throw new Error(`it has more than ${MAX_CONFIG_BYTES} bytes`)
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
  const document = parseDocument(text, { merge: false })
  const [problem] = document.errors
  if (problem !== undefined)
    throw new VillageError('FEDERATION_CONFIG_INVALID', `${file}: ${problem.message}`, { cause: problem })
  const value = document.toJS({ maxAliasCount: 0 }) as JsonValue
  if (!isJsonObject(value))
    throw new VillageError('FEDERATION_CONFIG_INVALID', `${file} is no list of keys and values`)
  const directory = path.dirname(path.resolve(file))
  const resolved = FILES.flatMap((key): [string, JsonValue][] => {
    const named = value[key]
    if (!Array.isArray(named)) return []
    return [[key, named.map((one) => (typeof one === 'string' ? path.resolve(directory, one) : one))]]
  })
  return { name: path.parse(file).name, ...value, ...Object.fromEntries(resolved) }
}

export async function federate(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const config = await readFederateFile(context.args[0] ?? '')
  const simulate = context.options.simulate === true
  const view = await client.send<FederationView>('POST', '/api/v1/federations', { config, simulate })
  if (context.options.wait !== true)
    return {
      document: view,
      text: `Federation ${view.id} begins. Follow it: village federations show ${view.id.slice(0, 12)} --wait`,
    }
  context.note(`Federation ${view.id} begins.`)
  return federationResult(await followFederation(context, client, view.id))
}

/** `village evolve CONFIG`: files that the configuration names are uploaded, the daemon checks and announces the rest. */
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { text as streamText } from 'node:stream/consumers'
import { VillageError } from '../errors.ts'
import { type EvolveConfig, readEvolveConfig, withValueAt } from '../evolve-config.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { ArtifactView } from './artifact.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { uploadFile } from './evaluation-params.ts'
import { followRun, type RunView } from './evolve-follow.ts'
import { reportResult } from './evolve-report.ts'
import { type PlanView, planText } from './evolve-text.ts'

const STANDARD_INPUT = '-'

async function readConfigFile(file: string): Promise<EvolveConfig> {
  if (file === STANDARD_INPUT) return readEvolveConfig(await streamText(process.stdin), 'evolution')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
  }
  return readEvolveConfig(text, path.parse(file).name)
}

/** A folder is read by the daemon itself: it is on this machine. */
async function uploadPath(context: CommandContext, given: string): Promise<string> {
  const stats = await stat(given).catch(() => null)
  if (stats?.isDirectory() !== true) return uploadFile(context, given)
  const client = await context.client()
  const body = { path: given, name: path.basename(given) }
  return (await client.send<ArtifactView>('POST', '/api/v1/artifacts/path', body)).cid
}

/** Paths are relative to the configuration, wherever the command runs; a file that is named twice is sent once. */
async function withUploads(
  context: CommandContext,
  config: EvolveConfig,
  directory: string,
): Promise<JsonObject> {
  const { kind, options } = config.spec.workload as { kind: string; options: JsonObject }
  const cids = new Map<string, string>()
  let uploaded: JsonValue = options
  for (const { at, path: named } of config.files) {
    const file = path.resolve(directory, named)
    const cid = cids.get(file) ?? (await uploadPath(context, file))
    cids.set(file, cid)
    uploaded = withValueAt(uploaded, at, cid)
  }
  return { ...config.spec, workload: { kind, options: uploaded } }
}

function overrides(context: CommandContext): JsonObject {
  const [name, seed] = [optionText(context, 'name'), optionText(context, 'seed')]
  if (seed !== null && !/^\d{1,16}$/.test(seed))
    throw new VillageError('USAGE', '--seed takes a whole number from 0 on')
  return { ...(name === null ? {} : { name }), ...(seed === null ? {} : { seed: Number(seed) }) }
}

export async function evolve(context: CommandContext): Promise<CommandResult> {
  const file = context.args[0] ?? ''
  const given = overrides(context)
  const isDryRun = context.options.dryRun === true
  const measure = context.options.measure === true
  if (measure && !isDryRun) throw new VillageError('USAGE', '--measure goes with --dry-run')
  if (isDryRun && context.options.wait === true)
    throw new VillageError('USAGE', 'A dry run announces nothing that --wait could wait for')
  const client = await context.client()
  const config = await readConfigFile(file)
  const directory = file === STANDARD_INPUT ? process.cwd() : path.dirname(path.resolve(file))
  const spec = { ...(await withUploads(context, config, directory)), ...given }
  if (isDryRun) {
    const { plan } = await client.send<{ plan: PlanView }>('POST', '/api/v1/runs', {
      ...{ spec, dryRun: true, measure },
    })
    return { document: plan, text: planText(plan) }
  }
  const { run } = await client.send<{ run: RunView }>('POST', '/api/v1/runs', { spec })
  if (context.options.wait !== true)
    return {
      document: run,
      text: `Run ${run.run} is announced. Follow it: village rounds watch ${run.run}; its report: village evolve report ${run.run}`,
    }
  context.note(`Run ${run.run} is announced.`)
  try {
    return reportResult(await followRun(context, client, run.run))
  } catch (error) {
    if (context.signal.aborted)
      throw new VillageError(
        'ABORTED',
        `Run ${run.run} goes on; \`village rounds stop ${run.run}\` ends it`,
        {
          cause: error,
          fields: { run: run.run },
        },
      )
    throw error
  }
}

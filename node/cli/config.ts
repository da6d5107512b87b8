/** `village config list|get|set|unset|reload`: through the daemon where one runs, else on the file itself. */

import type { Client } from '../client.ts'
import { checkConfig, isConfigKey, parseText } from '../config.ts'
import { resolveConfig } from '../config-sources.ts'
import { VillageError } from '../errors.ts'
import { type SettingRow, type SettingsChange, settingRows, writeSettings } from '../settings.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { facts, table } from './format.ts'

interface Listed {
  readonly config: readonly SettingRow[]
  readonly file: string | null
}

async function daemonOf(context: CommandContext): Promise<Client | null> {
  try {
    return await context.client()
  } catch (error) {
    if (error instanceof VillageError && error.code === 'DAEMON_NOT_RUNNING') return null
    throw error
  }
}

async function listed(context: CommandContext): Promise<Listed> {
  const client = await daemonOf(context)
  if (client !== null) return client.get<Listed>('/api/v1/config')
  const resolved = await resolveConfig(context.sources)
  return { config: settingRows(resolved.config, resolved), file: resolved.file }
}

const shown = (value: unknown) => JSON.stringify(value)
const isDefault = (row: SettingRow) =>
  shown(row.value) === shown(row.default) && shown(row.nextValue) === shown(row.default)
/** What it is, and what it will be where that differs. */
const valueText = (row: SettingRow) =>
  shown(row.value) === shown(row.nextValue)
    ? shown(row.value)
    : `${shown(row.value)}, after a restart ${shown(row.nextValue)}`

export async function list(context: CommandContext): Promise<CommandResult> {
  const { config } = await listed(context)
  const rows = config.filter((row) => context.options.all === true || !isDefault(row))
  return {
    document: Object.fromEntries(config.map((row) => [row.key, row.value])),
    text:
      rows.length === 0
        ? 'Every key has its default (`--all` lists them).'
        : table(
            ['KEY', 'VALUE', 'UNIT', 'FROM'],
            rows.map((row) => [row.key, valueText(row), row.unit, row.source]),
          ),
  }
}

/** Throws CONFIG_UNKNOWN_KEY, with the key that was probably meant. */
function rowOf({ config }: Listed, key: string): SettingRow {
  const row = config.find((one) => one.key === key)
  if (row !== undefined) return row
  checkConfig({ [key]: null }, 'The question')
  throw new VillageError('CONFIG_UNKNOWN_KEY', `The daemon does not know the key "${key}"`, {
    fields: { key },
  })
}

export async function get(context: CommandContext): Promise<CommandResult> {
  const [key = ''] = context.args
  const all = await listed(context)
  const row = rowOf(all, key)
  return {
    document: row,
    text: facts([
      [row.key, valueText(row)],
      ['meaning', row.doc],
      ['takes', row.choices === null ? row.expects : row.choices.join(', ')],
      ...(row.unit === '' ? [] : [['unit', row.unit] as [string, string]]),
      ['default', shown(row.default)],
      ['from', row.source === 'file' && all.file !== null ? all.file : row.source],
      ['a change', row.reload === 'live' ? 'takes effect at once' : 'takes effect with the next start'],
    ]),
  }
}

function outcome({ applied, needRestart, overridden }: SettingsChange): string {
  const lines = [
    ...(applied.length === 0 ? [] : [`In effect: ${applied.join(', ')}`]),
    ...(needRestart.length === 0 ? [] : [`After the next start: ${needRestart.join(', ')}`]),
    ...(overridden.length === 0
      ? []
      : [`Stored, but the command line or the environment says otherwise: ${overridden.join(', ')}`]),
  ]
  return lines.length === 0 ? 'Nothing has changed.' : lines.join('\n')
}

async function change(context: CommandContext, key: string, value: unknown): Promise<CommandResult> {
  const client = await daemonOf(context)
  if (client !== null) {
    const changed = await client.send<SettingsChange>('PATCH', '/api/v1/config', {
      changes: { [key]: value },
    })
    return { document: changed, text: outcome(changed) }
  }
  await writeSettings(context.sources, { [key]: value })
  const { file } = await resolveConfig(context.sources)
  return {
    document: { applied: [], needRestart: [key], overridden: [] },
    text: `Stored in ${file}; the daemon, which does not run, starts with it.`,
  }
}

export async function set(context: CommandContext): Promise<CommandResult> {
  const [key = '', text = ''] = context.args
  return change(context, key, isConfigKey(key) ? parseText(key, text) : text)
}

export const unset = (context: CommandContext): Promise<CommandResult> =>
  change(context, context.args[0] ?? '', null)

export async function reload(context: CommandContext): Promise<CommandResult> {
  const changed = await (await context.client()).send<SettingsChange>('POST', '/api/v1/config/reload')
  return { document: changed, text: outcome(changed) }
}

import { type ConfigKey, FIELDS } from '../config.ts'
import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { table } from './format.ts'

interface Row {
  key: string
  value: unknown
  default: unknown
  unit: string
  doc: string
}

async function rowsOf(context: CommandContext): Promise<Row[]> {
  try {
    return (await (await context.client()).get<{ config: Row[] }>('/api/v1/config')).config
  } catch (error) {
    if (!(error instanceof VillageError) || error.code !== 'DAEMON_NOT_RUNNING') throw error
    const config = await context.config()
    return (Object.keys(FIELDS) as ConfigKey[]).map((key) => {
      const { default: value, unit, doc } = FIELDS[key]
      return { key, value: config[key], default: value, unit, doc }
    })
  }
}

export async function config(context: CommandContext): Promise<CommandResult> {
  const rows = await rowsOf(context)
  const shown = rows.filter(
    (row) => context.options.all === true || JSON.stringify(row.value) !== JSON.stringify(row.default),
  )
  const list = table(
    ['KEY', 'VALUE', 'UNIT'],
    shown.map((row) => [row.key, JSON.stringify(row.value), row.unit]),
  )
  return {
    document: Object.fromEntries(rows.map((row) => [row.key, row.value])),
    text: shown.length === 0 ? 'Every key has its default (`--all` lists them).' : list,
  }
}

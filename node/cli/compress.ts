/** `village compress`. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { ArtifactView } from './artifact.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { submitJob } from './submit-job.ts'

/** `blockSize=64` → a parameter: numbers, true and false as such, anything else as text. */
function parameter(text: string): [string, JsonValue] {
  const at = text.indexOf('=')
  if (at < 1) throw new VillageError('USAGE', '--set takes key=value')
  const value = text.slice(at + 1)
  if (value === 'true' || value === 'false') return [text.slice(0, at), value === 'true']
  return [text.slice(0, at), value !== '' && Number.isFinite(Number(value)) ? Number(value) : value]
}

function numberOption(context: CommandContext, name: string): number | null {
  const text = optionText(context, name)
  if (text === null) return null
  const value = Number(text)
  if (text.trim() === '' || !(value > 0)) throw new VillageError('USAGE', `--${name} takes a number above 0`)
  return value
}

function minWeights(context: CommandContext): number | null {
  const text = optionText(context, 'minWeights')
  if (text === null) return null
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new VillageError('USAGE', '--min-weights takes a whole number above 0')
  return Number(text)
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** `4MB` → bytes. */
function sizeOption(context: CommandContext): number | null {
  const text = optionText(context, 'size')
  if (text === null) return null
  const [, amount, unit] = /^([\d.]+) ?([kmg]i?b|b)?$/i.exec(text) ?? []
  const sizeBytes = Math.floor(Number(amount) * (UNITS[(unit ?? '').toLowerCase()] ?? Number.NaN))
  if (!(sizeBytes > 0)) throw new VillageError('USAGE', `"${text}" is not a size such as 4MB or 512KiB`)
  return sizeBytes
}

/** What `auto` has to meet; null when nothing says so. */
function targetOf(context: CommandContext, isAuto: boolean): JsonObject | null {
  const given = {
    ratio: numberOption(context, 'ratio'),
    sizeBytes: sizeOption(context),
    quality: numberOption(context, 'quality'),
    // For one codec it is a parameter.
    bits: isAuto ? numberOption(context, 'bits') : null,
  }
  const set = Object.entries(given).filter(([, value]) => value !== null)
  if (set.length > 1) throw new VillageError('USAGE', 'Give one of --ratio, --size, --quality and --bits')
  return set.length === 0 ? null : Object.fromEntries(set)
}

/** `name=codec` or `name=codec:bits` → what one tensor gets; the name may have an equals sign in it. */
function tensorChoice(text: string): [string, JsonObject] {
  const [, name, codec, bits] = /^(.+)=([a-z0-9]+)(?::(\d+))?$/.exec(text) ?? []
  if (name === undefined || codec === undefined)
    throw new VillageError('USAGE', '--tensor takes name=codec or name=codec:bits')
  return [name, { codec, params: bits === undefined ? {} : { bits: Number(bits) } }]
}

const listOption = (context: CommandContext, name: string): readonly string[] => {
  const value = context.options[name]
  return Array.isArray(value) ? value : []
}

/** A file is uploaded; what is no file here is taken for the CID of data that the daemon holds. */
async function calibration(context: CommandContext): Promise<string | null> {
  const given = context.options.calibrate
  if (given === false) return 'none'
  if (typeof given !== 'string') return null
  const file = path.resolve(given)
  const stats = await stat(file).catch(() => null)
  if (stats === null && !/[/\\.]/.test(given)) return given
  if (stats?.isFile() !== true)
    throw new VillageError('FILE_UNREADABLE', `${file} is no file that can be read`)
  const query = new URLSearchParams({ name: path.basename(file) })
  const client = await context.client()
  const { cid } = await client.upload<ArtifactView>(
    `/api/v1/artifacts?${query}`,
    'application/octet-stream',
    createReadStream(file),
  )
  return cid
}

function keepOption(context: CommandContext): number | null {
  const text = optionText(context, 'keep')
  if (text === null) return null
  const keep = Number(text)
  if (text.trim() === '' || !(keep >= 0 && keep <= 1))
    throw new VillageError('USAGE', '--keep takes a share from 0 to 1')
  return keep
}

/** Options that mean nothing beside each other; the API would name its own fields for them, or take no notice of one. */
function checkTogether(
  context: CommandContext,
  { named, isTargeted }: { named: string | null; isTargeted: boolean },
): void {
  const has = (name: string) => optionText(context, name) !== null
  if (named === 'auto' && !isTargeted && !has('bits'))
    throw new VillageError('USAGE', 'Give --codec auto one of --ratio, --size, --quality and --bits')
  if (named !== null && named !== 'auto' && isTargeted)
    throw new VillageError(
      'USAGE',
      `--ratio, --size and --quality are targets of --codec auto, not of ${named}`,
    )
  if (named === null && !isTargeted && has('bits'))
    throw new VillageError(
      'USAGE',
      'Say with --codec what --bits is for: auto, or a codec that offers several',
    )
  if ((named === 'auto' || (named === null && isTargeted)) && listOption(context, 'set').length > 0)
    throw new VillageError('USAGE', '--set is for one codec: auto chooses the parameters for each tensor')
  const keys = listOption(context, 'set').map((text) => parameter(text)[0])
  if (has('bits') && keys.includes('bits'))
    throw new VillageError('USAGE', 'Give one of --bits and --set bits=…')
  for (const [option, names] of [
    ['set', keys],
    ['tensor', listOption(context, 'tensor').map((text) => tensorChoice(text)[0])],
  ] as const) {
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) throw new VillageError('USAGE', `--${option} is given twice for ${twice}`)
  }
  if (has('quality') && has('keep'))
    throw new VillageError('USAGE', '--quality is itself the share that must be kept: leave --keep out')
}

export async function compress(context: CommandContext): Promise<CommandResult> {
  const model = context.args[0] ?? ''
  const named = optionText(context, 'codec')
  const isTargeted = ['ratio', 'size', 'quality'].some((name) => optionText(context, name) !== null)
  const codec = named ?? (isTargeted ? 'auto' : 'int4')
  const isAuto = codec === 'auto'
  checkTogether(context, { named, isTargeted })
  const bits = isAuto ? null : numberOption(context, 'bits')
  const target = targetOf(context, isAuto)
  const optional = {
    target,
    id: optionText(context, 'id'),
    runtime: optionText(context, 'runtime'),
    suite: optionText(context, 'suite'),
    keep: keepOption(context),
    minElements: minWeights(context),
    calibrate: await calibration(context),
  }
  const tensors = listOption(context, 'tensor').map(tensorChoice)
  const set = listOption(context, 'set')
  return submitJob(context, {
    kind: 'compress',
    title: `compress ${model}`,
    params: {
      model,
      codec,
      params: Object.fromEntries([...(bits === null ? [] : [`bits=${bits}`]), ...set].map(parameter)),
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
      ...(tensors.length === 0 ? {} : { tensors: Object.fromEntries(tensors) }),
      ...(context.options.force === true ? { force: true } : {}),
    },
  })
}

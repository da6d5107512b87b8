/** Title and licence of a model from the files that were published with it. */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { isJsonObject, type JsonObject } from '../../../json.ts'
import { yaml } from '../../../on-demand.ts'
import { readConfigFile } from '../builder/config-fields.ts'
import { CONFIG_FILE, README_FILE } from '../model-files.ts'

export interface AboutModel {
  readonly title: string
  readonly licence: string
}

const MAX_README_BYTES = 2 ** 20
const MAX_TITLE = 200
const FRONT_MATTER = /^---\r?\n([\s\S]*?)\r?\n---\s*(?:\r?\n|$)/
const HEADING = /^#\s+(.+?)\s*#*\s*$/m
const UNKNOWN = 'unknown'

/**
 * `model_name` or `title`, and `license`, of the front matter of README.md; then its first heading, and `_name_or_path` and
 * `license` of config.json; then `fallback` and "unknown".
 */
export function aboutModel(directory: string, fallback: string): AboutModel {
  const readme = readReadme(directory)
  const front = frontMatter(readme)
  const config = readConfigFile(directory, CONFIG_FILE) ?? {}
  const heading = HEADING.exec(readme.replace(FRONT_MATTER, ''))?.[1]
  const title =
    oneLine(front.model_name) ?? oneLine(front.title) ?? oneLine(heading) ?? baseName(config) ?? fallback
  const licence = oneLine(front.license_name) ?? oneLine(front.license) ?? oneLine(config.license) ?? UNKNOWN
  return { title, licence }
}

function readReadme(directory: string): string {
  const file = path.join(directory, README_FILE)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isFile() || stats.size > MAX_README_BYTES) return ''
  return readFileSync(file, 'utf8')
}

/** An empty object where there is none, or none that can be read: a title is not worth a failure. */
function frontMatter(readme: string): JsonObject {
  const text = FRONT_MATTER.exec(readme)?.[1]
  if (text === undefined) return {}
  try {
    const value: unknown = yaml().parse(text, { maxAliasCount: 10, logLevel: 'silent' })
    return isJsonObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Text of one line without what does not belong in a terminal; undefined where it is none. */
function oneLine(value: unknown): string | undefined {
  const text = Array.isArray(value) ? value.filter((one) => typeof one === 'string').join(', ') : value
  if (typeof text !== 'string') return undefined
  const line = text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, MAX_TITLE)
  return line === '' ? undefined : line
}

function baseName(config: JsonObject): string | undefined {
  const given = oneLine(config._name_or_path)
  return given === undefined ? undefined : given.split('/').at(-1) || undefined
}

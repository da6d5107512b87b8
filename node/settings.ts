/** Reads and changes the configuration of a running daemon: in the file, and at once where a key allows it. */
import path from 'node:path'
import { type Config, type ConfigKey, checkConfig, FIELDS, isConfigKey } from './config.ts'
import { multiaddrs } from './config-checks.ts'
import type { Value } from './config-field.ts'
import { readConfigFile, writeConfigFile } from './config-file.ts'
import { type LiveConfig, sameValue } from './config-live.ts'
import {
  type ConfigSources,
  checkOwnFile,
  type Origin,
  type ResolvedConfig,
  resolveConfig,
} from './config-sources.ts'
import { VillageError } from './errors.ts'
import type { Events } from './events.ts'
import type { Log } from './log.ts'

export interface SettingRow {
  readonly key: ConfigKey
  /** What the daemon works with. */
  readonly value: Value
  /** What it will work with after its next start. */
  readonly nextValue: Value
  readonly default: Value
  readonly unit: string
  readonly doc: string
  /** What a value must be, in words. */
  readonly expects: string
  readonly choices: readonly string[] | null
  readonly source: Origin
  readonly reload: 'live' | 'restart'
}

export interface SettingsChange {
  /** Are in effect. */
  readonly applied: readonly ConfigKey[]
  /** Are stored, and take effect with the next start. */
  readonly needRestart: readonly ConfigKey[]
  /** Are stored, and the command line or the environment says otherwise. */
  readonly overridden: readonly ConfigKey[]
}

export interface Settings {
  list(): { readonly config: readonly SettingRow[]; readonly file: string | null }
  /**
   * Writes values to the file, null for a key that goes back to what it is without it, and takes over what it can. All or nothing.
   * Throws CONFIG_UNKNOWN_KEY, CONFIG_INVALID_VALUE, CONFIG_UNREADABLE, CONFIG_NOT_WRITABLE, CONFIG_NO_FILE or DISK_FULL.
   */
  change(changes: Readonly<Record<string, unknown>>): Promise<SettingsChange>
  /** Reads every source again. Throws as `change`; nothing has changed then. */
  reload(): Promise<SettingsChange>
  /** Does so, opens the file of the log again, and says there what came of it: for a signal, which nobody answers. Never rejects. */
  readAgain(): Promise<void>
}

const KEYS = Object.keys(FIELDS).filter(isConfigKey)
const NOTHING: SettingsChange = { applied: [], needRestart: [], overridden: [] }

/** The rows of the table with what `resolved` says, for a daemon that runs with `present`. */
export function settingRows(
  present: Config,
  resolved: Pick<ResolvedConfig, 'config' | 'origins'>,
): SettingRow[] {
  return KEYS.map((key) => {
    const { default: value, unit, doc, check, reload } = FIELDS[key]
    return {
      ...{ key, value: present[key], nextValue: resolved.config[key], default: value, unit, doc, reload },
      expects: check(undefined) ?? '',
      choices: check.choices ?? null,
      source: resolved.origins[key],
    }
  })
}

/** What begins like an address and is none would keep the next start from listening. Throws CONFIG_INVALID_VALUE. */
async function checkAddresses(set: Readonly<Record<string, unknown>>): Promise<void> {
  const keys = Object.keys(set).filter((key) => isConfigKey(key) && FIELDS[key].check === multiaddrs)
  if (keys.length === 0) return
  const { multiaddr } = await import('@multiformats/multiaddr') // heavy, and only commands and people get here
  for (const key of keys)
    for (const address of set[key] as readonly string[])
      try {
        multiaddr(address).getComponents()
      } catch (error) {
        throw new VillageError('CONFIG_INVALID_VALUE', `${key} has "${address}", which is no multiaddr`, {
          cause: error,
          fields: { key },
        })
      }
}

/** Checks changes to the file that `sources` name, and writes them. */
export async function writeSettings(
  sources: ConfigSources,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const set = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null))
  const { file } = await resolveConfig(sources)
  // Both at once, so that an unknown key that is to be reset is named as well.
  for (const key of Object.keys(changes)) if (!isConfigKey(key)) checkConfig({ [key]: null }, 'The change')
  checkConfig(set, 'The change')
  await checkAddresses(set)
  const before = (await readConfigFile(file)) ?? {}
  const after = { ...before, ...set }
  for (const [key, value] of Object.entries(changes)) if (value === null) delete after[key]
  if (sources.named === null) checkOwnFile(after, file)
  if (!sameValue(before, after)) await writeConfigFile(file, after)
}

export function createSettings(
  components: {
    live: LiveConfig
    events: Pick<Events, 'emit'>
    log: Log
    /** Of a log in a file, which somebody may have moved away. */
    reopenLog?: () => void
  },
  init: { sources: ConfigSources | null; resolved: ResolvedConfig | null },
): Settings {
  const { live, events, log } = components
  const { sources } = init
  let resolved = init.resolved
  let tail: Promise<unknown> = Promise.resolve()

  /** One after the other: a change reads the file that the one before has written. */
  function serial<T>(work: () => Promise<T>): Promise<T> {
    const turn = tail.then(work)
    tail = turn.catch(() => undefined)
    return turn
  }

  const waits = (key: ConfigKey): boolean =>
    resolved !== null && !sameValue(live.config[key], resolved.config[key])

  async function takeOver(from: ConfigSources): Promise<ConfigKey[]> {
    const next = await resolveConfig(from)
    const before = resolved?.config ?? live.config
    resolved = next
    const applied = live.apply(next.config)
    const changed = KEYS.filter((key) => applied.includes(key) || !sameValue(before[key], next.config[key]))
    if (changed.length > 0) {
      const needRestart = changed.filter(waits)
      log.info({ applied, needRestart }, 'the configuration has changed')
      events.emit('config:changed', { applied, needRestart })
    }
    return changed
  }

  function need(): ConfigSources {
    if (sources === null) throw new VillageError('CONFIG_NO_FILE')
    return sources
  }

  const reload = () =>
    serial(async () => {
      const changed = await takeOver(need())
      return {
        applied: changed.filter((key) => !waits(key)),
        needRestart: KEYS.filter(waits),
        overridden: [],
      }
    })

  return {
    list: () => ({
      config: settingRows(
        live.config,
        resolved ?? {
          config: live.config,
          origins: Object.fromEntries(
            KEYS.map((key) => [
              key,
              sameValue(live.config[key], FIELDS[key].default) ? 'default' : 'command line',
            ]),
          ) as Record<ConfigKey, Origin>,
        },
      ),
      file: resolved === null ? null : path.resolve(resolved.file),
    }),
    change: (changes) =>
      serial(async () => {
        const from = need()
        if (Object.keys(changes).length === 0) return NOTHING
        await writeSettings(from, changes)
        await takeOver(from)
        const keys = Object.keys(changes).filter(isConfigKey)
        const isOverridden = (key: ConfigKey) => {
          const origin = resolved?.origins[key]
          return origin === 'environment' || origin === 'command line'
        }
        return {
          applied: keys.filter((key) => !isOverridden(key) && !waits(key)),
          needRestart: keys.filter((key) => !isOverridden(key) && waits(key)),
          overridden: keys.filter(isOverridden),
        }
      }),
    reload,
    readAgain() {
      components.reopenLog?.()
      return reload().then(
        ({ needRestart }) => log.info({ needRestart }, 'the configuration was read again'),
        (error: unknown) =>
          log.error({ err: error }, 'the configuration was not taken over: it is not valid'),
      )
    },
  }
}

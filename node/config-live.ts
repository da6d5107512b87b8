/**
 * The configuration of a running daemon. Services are handed one object and read a key when they need it: a key with
 * `reload: 'live'` then has its present value, every other one the value of the start. What must act when a key changes
 * (a timer, a limit that was handed on) asks to be told.
 */
import { type Config, type ConfigKey, FIELDS, isConfigKey } from './config.ts'
import type { Log } from './log.ts'

export interface LiveConfig {
  readonly config: Config
  /** Takes over the live keys of `next`; returns those that are different now. */
  apply(next: Config): ConfigKey[]
  /** `listener` is called after a change of one of the keys, once for all that changed together. Returns its end. */
  onChange(keys: readonly ConfigKey[], listener: () => void): () => void
}

const KEYS = Object.keys(FIELDS).filter(isConfigKey)

export const sameValue = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

export function createLiveConfig(components: { log: Log }, start: Config): LiveConfig {
  const { log } = components
  const listeners = new Set<{ keys: ReadonlySet<ConfigKey>; listener: () => void }>()
  let present = start
  const view = Object.defineProperties(
    {},
    Object.fromEntries(KEYS.map((key) => [key, { enumerable: true, get: () => present[key] }])),
  ) as Config // one property for every key

  return {
    config: view,
    apply(next) {
      const changed = KEYS.filter(
        (key) => FIELDS[key].reload === 'live' && !sameValue(present[key], next[key]),
      )
      present = { ...present, ...Object.fromEntries(changed.map((key) => [key, next[key]])) }
      for (const { keys, listener } of listeners) {
        if (!changed.some((key) => keys.has(key))) continue
        try {
          listener()
        } catch (error) {
          log.error({ err: error, keys: changed }, 'a change of the configuration was not taken over')
        }
      }
      return changed
    },
    onChange(keys, listener) {
      const entry = { keys: new Set(keys), listener }
      listeners.add(entry)
      return () => listeners.delete(entry)
    },
  }
}

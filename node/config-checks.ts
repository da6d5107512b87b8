/** Checks of configuration values: each returns what the value should be, or null when it is fine. */

import type { Check } from './config-field.ts'

export const integer = (min: number, max: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    ? null
    : `a whole number from ${min} to ${max}`
export const integerOrNull = (min: number, max: number) => (value: unknown) =>
  value === null || integer(min, max)(value) === null ? null : `null or a whole number from ${min} to ${max}`
export const boolean = (value: unknown) => (typeof value === 'boolean' ? null : 'true or false')
export const oneOf = (...choices: readonly string[]): Check =>
  Object.assign(
    (value: unknown) => (choices.includes(value as string) ? null : `one of ${choices.join(', ')}`),
    { choices },
  )
export const text = (value: unknown) =>
  typeof value === 'string' && value.length > 0 && value.length <= 1024 ? null : 'a text'
export const textOrNull = (value: unknown) =>
  value === null || text(value) === null ? null : 'null or a text'
export const multiaddrs = (value: unknown) =>
  Array.isArray(value) &&
  value.length <= 64 &&
  value.every((item) => typeof item === 'string' && item.startsWith('/') && item.length <= 1024)
    ? null
    : 'a list of multiaddrs such as /ip4/192.0.2.1/tcp/4001/p2p/12D3…'

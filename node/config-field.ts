/** A row of the configuration table. */
export interface Check {
  /** Returns what the value should be, or null when it is fine. */
  (value: unknown): string | null
  /** All that the value can be, where they are few. */
  readonly choices?: readonly string[]
}

export type Value = string | number | boolean | readonly string[] | null
export interface Field<T extends Value> {
  readonly default: T
  readonly unit: string
  readonly doc: string
  /** Whether a change takes effect in a running daemon, or with its next start. */
  readonly reload: 'live' | 'restart'
  readonly check: Check
}

export const field = <T extends Value>(init: {
  default: T
  unit?: string
  doc: string
  reload?: Field<T>['reload']
  check: Check
}): Field<T> => ({
  unit: '',
  reload: 'restart',
  ...init,
})

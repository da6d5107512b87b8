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
  /**
   * Names programs, files or servers: whoever sets it has what the owner has, the identity of the node too. A key cannot, whatever
   * its scope: it can be revoked, and what it would have started cannot.
   */
  readonly ownerOnly: boolean
  readonly check: Check
}

export const field = <T extends Value>(init: {
  default: T
  unit?: string
  doc: string
  reload?: Field<T>['reload']
  ownerOnly?: true
  check: Check
}): Field<T> => ({
  unit: '',
  reload: 'restart',
  ownerOnly: false,
  ...init,
})

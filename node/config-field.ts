/** A row of the configuration table. */
export type Value = string | number | boolean | readonly string[] | null
export interface Field<T extends Value> {
  readonly default: T
  readonly unit: string
  readonly doc: string
  /** Returns what the value should be, or null when it is fine. */
  readonly check: (value: unknown) => string | null
}

export const field = <T extends Value>(init: {
  default: T
  unit?: string
  doc: string
  check: Field<T>['check']
}): Field<T> => ({
  unit: '',
  ...init,
})

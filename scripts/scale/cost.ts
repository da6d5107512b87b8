/** What the simulation holds together: a cost as it was counted, and the same by the formula of docs/scale.md. */

export interface CostRow {
  /** Short and constant. */
  readonly cost: string
  readonly peers: number
  readonly unit: string
  readonly measured: number
  readonly formula: number
  /** Share by which the two may differ. */
  readonly tolerance: number
}

export interface CostCase {
  readonly name: string
  /** Counts the costs in a village of so many virtual peers. Deterministic. */
  run(peers: number): Promise<CostRow[]> | CostRow[]
}

export const isWithin = ({ measured, formula, tolerance }: CostRow): boolean =>
  Math.abs(measured - formula) <= tolerance * formula

/** Strategies by name: what the client does, what the server does, and the settings that the papers use with them. */
import type { LocalRule } from './local-steps.ts'
import type { ServerOptimiserName } from './server-optimisers.ts'

export const STRATEGIES = [
  'fedavg',
  'fedprox',
  'scaffold',
  'fedadagrad',
  'fedyogi',
  'fedadam',
  'diloco',
] as const
export type StrategyName = (typeof STRATEGIES)[number]

export interface Strategy {
  readonly source: string
  readonly rule: LocalRule
  readonly server: ServerOptimiserName
  /** Of the clients, where the configuration does not say. */
  readonly optimiser: 'sgd' | 'adamw'
  /** The client's optimiser goes on from round to round. */
  readonly keepsOptimiser: boolean
}

const FEDOPT = { rule: 'plain', optimiser: 'sgd', keepsOptimiser: false } as const

export const STRATEGY_TABLE: Readonly<Record<StrategyName, Strategy>> = {
  fedavg: { ...FEDOPT, source: 'arXiv 1602.05629, algorithm 1', server: 'mean' },
  fedprox: { ...FEDOPT, source: 'arXiv 1812.06127, algorithm 2', rule: 'proximal', server: 'mean' },
  scaffold: { ...FEDOPT, source: 'arXiv 1910.06378, algorithm 1', rule: 'control', server: 'mean' },
  fedadagrad: { ...FEDOPT, source: 'arXiv 2003.00295, algorithm 2', server: 'adagrad' },
  fedyogi: { ...FEDOPT, source: 'arXiv 2003.00295, algorithm 2', server: 'yogi' },
  fedadam: { ...FEDOPT, source: 'arXiv 2003.00295, algorithm 2', server: 'adam' },
  diloco: {
    source: 'arXiv 2311.08105, algorithm 1',
    rule: 'plain',
    server: 'nesterov',
    optimiser: 'adamw',
    keepsOptimiser: true,
  },
}

/** The benchmarks, one row each: `npm run bench` lists them. */
import type { Bench } from './bench.ts'
import { daemonBench } from './daemon.ts'

export const BENCHES: readonly Bench[] = [daemonBench]

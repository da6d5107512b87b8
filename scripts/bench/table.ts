/** The benchmarks, one row each: `npm run bench` lists them. */
import { agentsBench } from './agents.ts'
import { artifactsBench } from './artifacts.ts'
import type { Bench } from './bench.ts'
import { compressBench } from './compress.ts'
import { daemonBench } from './daemon.ts'
import { dashboardBench } from './dashboard.ts'
import { edgeBench } from './edge.ts'
import { evaluateBench } from './evaluate.ts'
import { evolveBench } from './evolve.ts'
import { federateBench } from './federate.ts'
import { geometryBench } from './geometry.ts'
import { humanevalBench } from './humaneval.ts'
import { jobsBench } from './jobs.ts'
import { modelsBench } from './models.ts'
import { ragBench } from './rag.ts'
import { scaleBench } from './scale.ts'
import { trainBench } from './train.ts'
import { villageLmBench } from './village-lm.ts'

export const BENCHES: readonly Bench[] = [
  daemonBench,
  edgeBench,
  dashboardBench,
  artifactsBench,
  jobsBench,
  compressBench,
  evaluateBench,
  humanevalBench,
  modelsBench,
  ragBench,
  trainBench,
  geometryBench,
  evolveBench,
  federateBench,
  villageLmBench,
  scaleBench,
  agentsBench,
]

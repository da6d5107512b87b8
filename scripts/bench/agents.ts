/**
 * Agents and the gateway, one file a case (agents-*.ts), one row each in CASES. `npm run bench -- agents --only overhead` runs one of them.
 */
import { overheadCase } from './agents-overhead.ts'
import { sageCase } from './agents-sage.ts'
import { type BenchCase, benchOfCases } from './bench-cases.ts'

const CASES: readonly BenchCase[] = [overheadCase, sageCase]

export const agentsBench = benchOfCases('agents', 'agents, their tools, and the gateway', CASES)

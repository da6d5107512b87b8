/**
 * Agents and the gateway, one file a case (agents-*.ts), one row each in CASES. `npm run bench -- agents --only overhead` runs one of them.
 */
import { gatewayCase } from './agents-gateway.ts'
import { injectionCase } from './agents-injection.ts'
import { kingCase } from './agents-king.ts'
import { mcpCase } from './agents-mcp.ts'
import { overheadCase } from './agents-overhead.ts'
import { sageCase } from './agents-sage.ts'
import { sandboxCase } from './agents-sandbox.ts'
import { twinCase } from './agents-twin.ts'
import { type BenchCase, benchOfCases } from './bench-cases.ts'

const CASES: readonly BenchCase[] = [
  gatewayCase,
  overheadCase,
  sageCase,
  kingCase,
  injectionCase,
  sandboxCase,
  mcpCase,
  twinCase,
]

export const agentsBench = benchOfCases('agents', 'agents, their tools, and the gateway', CASES)

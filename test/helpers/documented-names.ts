/** What documents call by made-up names, and the real thing to put in its place. */
import type { DocumentsWorld } from './documents-world.ts'

/** Commands that a test of their own runs: they install, test or build, or take the place of the daemon that runs. */
export const RUN_ELSEWHERE: readonly { command: RegExp; test: string; says: string }[] = [
  { command: /^npm ci && npm (run demo|test)$|^npm (ci|test)$/, test: '.ci/run', says: 'npm ci' },
  {
    command: /^npm pack|^(?:ONNXRUNTIME_NODE_INSTALL=skip )?npm install -g /,
    test: 'test/scripts/package.test.ts',
    says: 'village',
  },
  { command: /^docker /, test: 'test/scripts/container.test.ts', says: 'compose' },
  {
    command: /^(?:sha256sum|tar) .*aivillage-|install\.sh|^npm run bundle /,
    test: 'test/scripts/bundle/install.test.ts',
    says: 'install.sh',
  },
  { command: /^git clone /, test: '.ci/run', says: 'npm ci' },
  { command: /^npm start$/, test: 'test/cli/start.test.ts', says: "'start'" },
  {
    command: /^npm run train-village-lm /,
    test: 'test/scripts/village-lm/train-model.test.ts',
    says: 'train',
  },
  // They would change this machine; with --print they run here.
  { command: /^village service (?!.*--print)/, test: 'test/cli/service.test.ts', says: 'serviceStatus(' },
  // Goals of a daemon that has them in its configuration.
  { command: /^village self-evolution/, test: 'test/cli/self-evolution.test.ts', says: "'self-evolution'" },
]

/** Commands whose made-up name cannot be made real here, and how they are refused. */
const REFUSED: readonly { command: RegExp; code: string }[] = [
  // A server of tools that has changed what it offers: test/agents/tools/mcp*.test.ts make one.
  // Guests are for villages that were made open.
  { command: /^village invite --role guest/, code: 'INVALID_ARGUMENT' },
  { command: /^village tools accept mcp_files_read /, code: 'TOOL_UNKNOWN' },
]
export const refusedAs = (text: string): string | null =>
  REFUSED.find((row) => row.command.test(text))?.code ?? null

type Named = { id?: string; run?: string; createdAtMs?: number }

async function newest(
  world: DocumentsWorld,
  route: string,
  list: string,
  fits: object = {},
): Promise<string> {
  const answer = (await world.mine.client.get(route)) as Record<string, Named[]>
  const found = answer[list]!.filter((row) =>
    Object.entries(fits).every(([key, value]) => (row as unknown as Record<string, unknown>)[key] === value),
  )
  const last = found.sort((a, b) => (a.createdAtMs ?? 0) - (b.createdAtMs ?? 0)).at(-1)
  const id = last?.id ?? last?.run
  if (id === undefined) throw new Error(`${route} has nothing to put in the place of a name`)
  return id
}

async function evaluationOf(world: DocumentsWorld, model: string): Promise<string> {
  const { out } = await world.village(world.mine, 'evaluate', model, '--wait', '--json')
  return (JSON.parse(out) as { id: string }).id
}

const NAMES: readonly {
  file: RegExp
  name: RegExp
  real(world: DocumentsWorld): Promise<string> | string
}[] = [
  { file: /./, name: /village1…/, real: (world) => world.invite() },
  {
    file: /./,
    name: /\/ip4\/203\.0\.113\.7\/tcp\/4001$/,
    // The friend's, as the friend says it: once it listens again after it has changed its village.
    real: async (world) => {
      for (;;) {
        const { addresses } = (await world.friend.client.get('/api/v1/status')) as { addresses: string[] }
        if (addresses[0] !== undefined) return addresses[0].replace(/\/p2p\/.*$/, '')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
  },
  { file: /./, name: /\/srv\//, real: (world) => `${world.home}/` },
  { file: /./, name: /\/home\/me\//, real: (world) => `${world.home}/` },
  { file: /./, name: /\bRUN\b/, real: (world) => newest(world, '/api/v1/runs', 'runs') },
  {
    file: /geometry/,
    name: /\bJOB\b/,
    real: (world) => newest(world, '/api/v1/jobs', 'jobs', { kind: 'geometry', state: 'done' }),
  },
  { file: /evaluate/, name: /\bk3f9\b/, real: (world) => evaluationOf(world, 'my-lm') },
  { file: /evaluate/, name: /\bp7ab\b/, real: (world) => evaluationOf(world, 'other-lm') },
  {
    file: /federated/,
    name: /\b402d\b/,
    real: (world) => newest(world, '/api/v1/federations', 'federations'),
  },
  { file: /agents/, name: /\b3f2a\b/, real: (world) => world.approval() },
  { file: /twin/, name: /\bID\b/, real: (world) => newest(world, '/api/v1/twin', 'memories') },
  { file: /./, name: /\bDIR\b/, real: (world) => `${world.home}/out` },
]

/** The command with real things in the place of made-up names. */
export async function standIns(world: DocumentsWorld, file: string, text: string): Promise<string> {
  let typed = text
  for (const row of NAMES)
    if (row.file.test(file) && typed.search(row.name) >= 0)
      typed = typed.replace(row.name, await row.real(world))
  return typed
}

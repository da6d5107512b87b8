/**
 * What the commands of the documents are run in: a home directory with the files that they name, a daemon of the
 * person who reads, another of a friend, and a shell. `village` is the real command line, run in this process; a
 * command that waits longer than a test can is interrupted, as a person would.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../../node/cli/run.ts'
import { type LocalNode, startNode } from '../../scripts/localnet.ts'
import { nodeBinary } from '../../scripts/run.js'
import { CHAT_TEMPLATE, MODELS, writeExampleFiles, writeFiles } from './documents-files.ts'
import { startHubServer } from './hub-server.ts'
import { writeTinySource } from './language-models.ts'
import { writeTinyCheckpoint } from './llama2c.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MAIN = path.join(ROOT, 'node/main.ts')
/** Commands that wait for what takes long: each is interrupted, as a person would, once it has said that it goes on. */
const LEFT_WAITING: readonly (readonly [command: RegExp, once: RegExp])[] = [
  [/^evolve (?!.*--dry-run).*--wait/, /^Run \w+ is announced/m],
  [/^federate (?!.*--simulate).*--wait/, /^Federation \w+ /m],
  [/^federations show .*--wait/, /./],
]
/** A daemon is up when it says where it is. */
const STARTED = /http:\/\//
/** What has not ended by then never does. */
const HANGS_MS = 90_000
const SETTLES_MS = 10_000
const BASH = ['-u', '-o', 'pipefail', '-c']
/** Tells the arguments of `village` as the shell read them, in place of running it. */
const VILLAGE_FUNCTION = `village() { printf '%s\\0' "$@" >&3; }; `

export interface RanCommand {
  readonly code: number
  readonly out: string
  readonly err: string
  /** It was still at work when patience ended: then 130 is its right end. */
  readonly interrupted: boolean
}

export interface DocumentsWorld {
  readonly home: string
  readonly mine: LocalNode
  readonly friend: LocalNode
  /** Adds the models that the pages speak of. */
  furnish(): Promise<void>
  /** Writes the examples of a page that begin with the name of their file: `# notes.yaml`. */
  writeExamples(markdown: string): void
  /** An invite to the reader's village. */
  invite(): Promise<string>
  /** The id of a call of an agent that waits for a decision. */
  approval(): Promise<string>
  /** Runs a command of a document: on the reader's node; `village join` on the friend's. */
  run(text: string): Promise<RanCommand>
  /** The command line against the reader's node, or the friend's. */
  village(node: LocalNode, ...args: string[]): Promise<RanCommand>
  close(): Promise<void>
}

/** The change in it waits for a yes. */
const WAITING_GOAL = 'Compress other-lm with int4, but ask me first'
/** The program as a process of its own: commands that read standard input or never end by themselves. */
function runProcess(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  cwd: string,
): Promise<RanCommand> {
  return new Promise((resolve) => {
    const child = spawn(nodeBinary(), ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
      cwd,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let out = ''
    let err = ''
    let interrupted = false
    const look = () => {
      if (interrupted || args[0] !== 'start' || !STARTED.test(out + err)) return
      interrupted = true
      child.kill('SIGINT')
    }
    child.stdout.on('data', (chunk) => {
      out += chunk
      look()
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
      look()
    })
    child.stdin.on('error', () => undefined) // one that reads nothing may have closed it
    child.stdin.end('What is 6 times 7?\n')
    const hangs = setTimeout(() => child.kill('SIGKILL'), HANGS_MS)
    child.on('close', (code) => {
      clearTimeout(hangs)
      resolve({ code: code ?? -1, out, err, interrupted })
    })
  })
}

async function runHere(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<RanCommand> {
  let out = ''
  let err = ''
  const stopping = new AbortController()
  const [, once = null] = LEFT_WAITING.find(([command]) => command.test(args.join(' '))) ?? []
  let interrupted = false
  const hangs = setTimeout(() => stopping.abort(), HANGS_MS)
  const look = () => {
    interrupted ||= once?.test(err + out) === true
    if (interrupted) stopping.abort()
  }
  const code = await runCommandLine({
    arguments: args,
    environment,
    stdout: {
      write(text) {
        out += text
        look()
      },
    },
    stderr: {
      isTTY: false,
      write(text: string) {
        err += text
        look()
        return true
      },
    } as unknown as NodeJS.WriteStream, // nothing else of a stream is used when it is no terminal
    signal: stopping.signal,
  })
  clearTimeout(hangs)
  return { code, out, err, interrupted }
}

/** What the shell makes of a command: the arguments of `village`, or null where it ran something else. */
async function expand(
  text: string,
  environment: NodeJS.ProcessEnv,
  cwd: string,
): Promise<{ args: string[] | null; ran: RanCommand }> {
  return new Promise((resolve) => {
    const child = spawn('bash', [...BASH, VILLAGE_FUNCTION + text], {
      cwd,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    const read = ['', '', '']
    for (const [index, stream] of [child.stdout, child.stderr, child.stdio[3]].entries())
      (stream as NodeJS.ReadableStream).setEncoding('utf8').on('data', (chunk) => (read[index] += chunk))
    child.on('close', (code) => {
      const [out, err, told] = read as [string, string, string]
      const args = told === '' ? null : told.split('\0').slice(0, -1)
      resolve({ args, ran: { code: code ?? -1, out, err, interrupted: false } })
    })
  })
}

/** A command of a document may need what the one before it began, as `evaluate` needs what `compress` makes; what takes long is ended. */
async function settle(node: LocalNode): Promise<void> {
  for (const began = performance.now(); ; ) {
    const { jobs } = (await node.client.get('/api/v1/jobs')) as {
      jobs: { id: string; state: string }[]
    }
    const running = jobs.filter(({ state }) => state === 'running')
    if (running.length === 0) return
    if (performance.now() - began > SETTLES_MS)
      for (const { id } of running)
        await node.client.send('POST', `/api/v1/jobs/${id}/cancel`).catch(() => null)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function furnish(node: LocalNode, home: string): Promise<void> {
  const { models } = (await node.client.get('/api/v1/models')) as { models: { id: string }[] }
  const have = new Set(models.map(({ id }) => id))
  for (const embedded of [
    'encoder',
    'village-lm',
    ...['arithmetic', 'facts', 'strings'].map((name) => `village-lm-${name}`),
  ])
    if (!have.has(embedded)) await node.client.send('POST', '/api/v1/models', { embedded })
  for (const [index, name] of MODELS.entries()) {
    const source = path.join(home, name)
    writeTinySource(source, 'llama', { seed: index + 1 })
    if (name === 'my-chat-model') writeFileSync(path.join(source, 'chat_template.jinja'), CHAT_TEMPLATE)
    await node.client.send('POST', '/api/v1/models', { path: source, id: name })
  }
  writeTinySource(path.join(home, 'my-llama'), 'llama', { seed: 9 })
}

/** What was left waiting would go on for minutes beside the commands that follow. */
async function stopRuns(node: LocalNode): Promise<void> {
  const { runs } = (await node.client.get('/api/v1/runs')) as { runs: { run: string }[] }
  for (const { run } of runs)
    await node.client.send('POST', `/api/v1/runs/${run}/control`, { action: 'stop' }).catch(() => null) // over already
}

const OWN_PROCESS = new Set(['chat', 'mcp', 'start'])

export async function createDocumentsWorld(): Promise<DocumentsWorld> {
  const home = await mkdtemp(path.join(tmpdir(), 'village-documents-'))
  writeFiles(home)
  // The documents' examples are named from the root of the project.
  symlinkSync(path.join(ROOT, 'models'), path.join(home, 'models'))
  writeExampleFiles(home)
  writeTinyCheckpoint({
    checkpoint: path.join(home, 'stories260K.bin'),
    tokenizer: path.join(home, 'tok512.bin'),
    context: 128,
  })
  const hub = await startHubServer()
  const source = path.join(home, 'pulled')
  writeTinySource(source, 'llama', { seed: 5 })
  hub.publish(
    'owner/name',
    Object.fromEntries(readdirSync(source).map((file) => [file, readFileSync(path.join(source, file))])),
  )
  const settings = { 'models.hubUrl': hub.url, 'agents.folders': [`notes=${home}/notes`].join(',') }
  const mine = await startNode({ directory: path.join(home, '.aivillage'), settings })
  const friend = await startNode({ directory: path.join(home, 'friend'), settings: {} })
  const address = (node: LocalNode) => new URL(node.dashboardLink).origin
  const environmentOf = (node: LocalNode): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    HOME: home,
    TOKEN: node.token,
    NO_COLOR: '1',
    ...(process.env.NODE_COMPILE_CACHE === undefined
      ? {}
      : { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
    VILLAGE_DATA_DIR: node.directory,
  })
  const asking: Promise<unknown>[] = []
  const village = (node: LocalNode, ...args: string[]) => runHere(args, environmentOf(node))
  return {
    home,
    mine,
    friend,
    village,
    furnish: () => furnish(mine, home),
    writeExamples(markdown) {
      for (const [, name, text] of markdown.matchAll(
        /^```(?:yaml|json)\n# ([\w-]+\.(?:yaml|json))\b[^\n]*\n(.*?)^```/gms,
      ))
        writeFileSync(path.join(home, name!), text!)
    },
    async invite() {
      const { invite } = (await mine.client.send('POST', '/api/v1/village/invites', {
        role: 'member',
        expiresInMs: 3_600_000,
        uses: 5,
      })) as { invite: string }
      return invite
    },
    async approval() {
      // The asker says nothing of a model, so that adding one waits for a yes; the request itself is left to wait.
      asking.push(
        mine.client
          .send('POST', '/api/v1/agents/king/ask', { messages: [{ role: 'user', content: WAITING_GOAL }] })
          .catch(() => null),
      )
      for (;;) {
        const { approvals } = (await mine.client.get('/api/v1/approvals')) as {
          approvals: { id: string }[]
        }
        if (approvals[0] !== undefined) return approvals[0].id
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async run(text) {
      const asked = text.startsWith('village join ') ? friend : mine
      const environment = environmentOf(asked)
      await settle(mine)
      const here = text.replaceAll('http://127.0.0.1:7480', address(mine))
      const { args, ran } = await expand(here, environment, home)
      if (args === null) return ran
      const before = process.cwd()
      process.chdir(home)
      try {
        if (!OWN_PROCESS.has(args[0] ?? '')) {
          const ran = await runHere(args, environment)
          if (ran.interrupted) await stopRuns(mine)
          return ran
        }
        // A second daemon has a place of its own.
        const apart = path.join(home, 'another')
        const own =
          args[0] === 'start' ? [...args, '--data.dir', apart, '--api.port', '0', '--mesh.mdns=false'] : args
        return await runProcess(own, environment, home)
      } finally {
        process.chdir(before)
      }
    },
    async close() {
      await Promise.all([mine.stop(), friend.stop(), hub.close()])
      await rm(home, { recursive: true, force: true })
    },
  }
}

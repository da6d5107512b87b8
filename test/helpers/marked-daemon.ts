/** A real daemon as a process, to which things are said that hold a mark, and whose data directory is searched for it byte by byte. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Answer, askHttp } from './api-server.ts'
import { type ScriptedEndpoint, startScriptedEndpoint } from './scripted-endpoint.ts'

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
const READY = /^\{.*\}\n/

export interface MarkedDaemon {
  ask(method: 'GET' | 'POST' | 'DELETE', target: string, body?: object): Promise<Answer>
  /** What it wrote on standard output and error. */
  output(): string
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Resolves when it is ready; rejects with what it wrote when it ends before. */
export async function startMarkedDaemon(directory: string, endpointUrl: string): Promise<MarkedDaemon> {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      ...['--disable-warning=ExperimentalWarning', MAIN, 'start', '--json', '--data.dir', directory],
      ...['--api.port', '0', '--mesh.mdns', 'false', '--log.level', 'debug', '--twin.learn', 'true'],
      ...['--agents.endpoints', `scripted=${endpointUrl}`],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let out = ''
  let err = ''
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const ready = await new Promise<{ dashboard: string }>((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      const line = READY.exec(out)
      if (line !== null) resolve(JSON.parse(line[0]) as { dashboard: string })
    })
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk
    })
    child.once('close', () => reject(new Error(`the daemon ended: ${out}${err}`)))
  })
  const url = new URL(ready.dashboard)
  const token = url.hash.slice('#token='.length)
  return {
    ask: (method, target, body) =>
      askHttp(url.origin, target, { token, method, ...(body === undefined ? {} : { body }) }),
    output: () => out + err,
    async end(signal) {
      child.kill(signal)
      await ended
    },
  }
}

/** Calls of which one argument is any text, as [tool, argument]; agents have different ones. */
const SAYING_CALLS = [
  ['twin_recall', 'query'],
  ['knowledge_search', 'query'],
  ['calculate', 'expression'],
] as const

/** A model that repeats what it was told, and calls a tool with it first: the mark gets into answers and into the audit log. */
export function startEcho(): Promise<ScriptedEndpoint> {
  return startScriptedEndpoint({
    script: ({ messages, tools }) => {
      const said = messages.findLast(({ role }) => role === 'user')?.content ?? ''
      const isFirst = !messages.some(({ role }) => role === 'tool')
      const offered = tools?.map(({ function: { name } }) => name) ?? []
      const call = SAYING_CALLS.find(([name]) => offered.includes(name))
      if (isFirst && call !== undefined)
        return { calls: [{ name: call[0], arguments: { [call[1]]: said.slice(0, 200) } }] }
      return { text: `You said: ${said}` }
    },
  })
}

const expectOk = ({ status, json }: Answer): Answer['json'] => {
  if (status >= 300) throw new Error(`status ${status}: ${JSON.stringify(json)}`)
  return json
}

export interface MarkedCounts {
  readonly memories: number
  readonly conversations: number
  readonly auditedCalls: number
}

/** Says the mark wherever the daemon keeps what people say. Throws where something is refused. */
export async function sayMark(daemon: MarkedDaemon, mark: string): Promise<void> {
  const post = async (target: string, body?: object) => expectOk(await daemon.ask('POST', target, body))
  for (const text of [`My safe word is ${mark}`, `I prefer answers signed ${mark}`])
    await post('/api/v1/twin', { text })
  const { agents } = expectOk(await daemon.ask('GET', '/api/v1/agents')) as { agents: { name: string }[] }
  for (const model of ['scripted/scripted', null])
    for (const { name } of agents) {
      const { id } = await post('/api/v1/conversations')
      for (const text of [
        `I live in ${mark} street. Who knows it?`,
        `Remember that my boat is called ${mark}`,
      ])
        await post(`/api/v1/conversations/${id}/ask`, { text, agent: name, model, approvals: 'refuse' })
    }
  let previous: string | undefined
  for (let n = 0; n < 3; n += 1) {
    const { id } = await post('/v1/responses', {
      model: 'scripted/scripted',
      input: `${mark} number ${n}`,
      ...(previous === undefined ? {} : { previous_response_id: previous }),
    })
    previous = id as string
  }
}

export async function markedCounts(daemon: MarkedDaemon): Promise<MarkedCounts> {
  const get = async (target: string) => expectOk(await daemon.ask('GET', target))
  return {
    memories: (await get('/api/v1/twin')).total,
    conversations: (await get('/api/v1/conversations')).conversations.length,
    auditedCalls: (await get('/api/v1/audit')).calls.length,
  }
}

/** Files that hold one of the byte strings, or have it in their name. */
export function filesWith(directory: string, needles: readonly Buffer[]): string[] {
  return readdirSync(directory, { recursive: true })
    .map((name) => path.join(directory, String(name)))
    .filter((file) => {
      const bytes = Buffer.from(statSync(file).isFile() ? readFileSync(file) : [])
      return needles.some((needle) => bytes.includes(needle) || Buffer.from(file).includes(needle))
    })
}

/** The mark as it could lie on a disk: UTF-8, UTF-16, base64 at each of its three places, hex. */
export function formsOf(mark: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${' '.repeat(shift)}${mark}`)
      .toString('base64')
      .replaceAll('=', '')
    // What stands at the edges depends on what is around it.
    return Buffer.from(text.slice(4, -4))
  })
  return [
    Buffer.from(mark),
    Buffer.from(mark, 'utf16le'),
    Buffer.from(Buffer.from(mark).toString('hex')),
    ...base64,
  ]
}

/** Key slots in use and files of records of each sealed store. */
export function sealedSlots(directory: string): { store: string; slots: Buffer[]; files: number }[] {
  const sealed = path.join(directory, 'sealed')
  if (!existsSync(sealed)) return []
  return readdirSync(sealed, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(sealed, entry.name, 'keys')))
    .map(({ name }) => {
      const keys = readFileSync(path.join(sealed, name, 'keys'))
      const slots: Buffer[] = []
      for (let at = 1024; at < keys.byteLength; at += 512) {
        const slot = keys.subarray(at, at + 512)
        if (slot.some((byte) => byte !== 0)) slots.push(slot)
      }
      return { store: name, slots, files: readdirSync(path.join(sealed, name)).length - 1 }
    })
}

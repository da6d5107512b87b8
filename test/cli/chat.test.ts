import { PassThrough } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runChat } from '../../node/cli/chat/chat.ts'
import { footnotes } from '../../node/cli/chat/turn-view.ts'
import type { CommandContext } from '../../node/cli/command.ts'
import { createClient, findDaemon } from '../../node/client.ts'
import type { VillageError } from '../../node/errors.ts'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'
import { type ChattingAgents, chattingAgents } from '../helpers/chatting-agents.ts'
import { village } from '../helpers/command-line.ts'

const test = suite<{ server: TestApi; agents: ChattingAgents }>('village chat')
test.before.each(async (context) => {
  context.agents = chattingAgents()
  context.server = await startTestApi({ services: context.agents })
})
test.after.each(({ server }) => server.close())

interface Terminal {
  readonly done: Promise<{ text: string; document: unknown }>
  type(text: string): void
  end(): void
  out(): string
  /** Resolves when the output, from where the last call ended, has this text. */
  sees(text: string): Promise<void>
}

function chatOn(
  server: TestApi,
  init: { options?: CommandContext['options']; isTTY?: boolean; styled?: boolean; json?: boolean } = {},
): Terminal {
  const { isTTY = true, styled = false, json = false, options = {} } = init
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: () => undefined })
  const signal = new AbortController().signal
  let out = ''
  let seenTo = 0
  let waiting: (() => void)[] = []
  const write = (text: string) => {
    out += text
    for (const look of waiting) look()
  }
  const context: CommandContext = {
    sources: { named: null, shipped: null, environment: {}, arguments: {} },
    ...{
      args: [],
      options,
      signal,
      json,
      onHangup: () => () => {},
      columns: isTTY ? 60 : null,
      styled,
      write,
    },
    config: () => Promise.reject(new Error('not needed')),
    client: async () =>
      createClient({ ...(await findDaemon(server.directory)), directory: server.directory, signal }),
    progress: () => assert.unreachable('no bar') as never,
    note: (line) => write(json ? '' : `(${line})\n`),
  }
  const done = runChat(context, input)
  return {
    done,
    type: (text) => void input.write(text),
    end: () => void input.end(),
    out: () => out,
    sees: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const at = out.indexOf(text, seenTo)
          if (at < 0) return
          seenTo = at + text.length
          waiting = waiting.filter((one) => one !== look)
          resolve()
        }
        waiting.push(look)
        done.then(
          () => reject(new Error(`it ended without "${text}": ${out}`)),
          (error: unknown) => reject(error),
        )
        look()
      }),
  }
}

const titles = async (server: TestApi) =>
  ((await server.ask('/api/v1/conversations')).json.conversations as { title: string }[]).map(
    ({ title }) => title,
  )

test('messages are answered as text comes, kept, and gone on with', async ({ server }) => {
  const first = chatOn(server)
  await first.sees('king> ')
  first.type('hello there\r')
  await first.sees('king heard 1: hello there')
  await first.sees('king> ')
  first.type('again\r')
  await first.sees('king heard 3: again')
  first.type('/quit\r')
  await first.done
  const id = /village chat --continue (\w+)/.exec(first.out())![1]!
  assert.equal(await titles(server), ['hello there'])

  const second = chatOn(server, { options: { continue: id.slice(0, 6), agent: 'sage' } })
  await second.sees('> hello there')
  await second.sees('sage> ')
  second.type('once more\r')
  await second.sees('sage heard 5: once more')
  second.end()
  await second.done
})

test('a call is one line that changes, and what is cited is a footnote', async ({ server }) => {
  const terminal = chatOn(server, { styled: true })
  await terminal.sees('king> ')
  terminal.type('cite\r')
  await terminal.sees('… note_read  name="a"')
  await terminal.sees('\r\u001b[K\u001b[32m✓ note_read  read one note\u001b[0m\n')
  await terminal.sees('It is so [2].\n[2] Paper 2, page 2 (p2.pdf)\n')
  terminal.type('/quit\r')
  await terminal.done
  assert.not.ok(terminal.out().includes('Paper 1'), 'what is not cited is no footnote')
})

test('an approval is asked in line: show, then yes; and no', async ({ server, agents }) => {
  const terminal = chatOn(server)
  await terminal.sees('king> ')
  terminal.type('write\r')
  await terminal.sees('allow note_write? [y/n/show] ')
  terminal.type('show\r')
  await terminal.sees('"to": "a.md"')
  await terminal.sees('allow note_write? [y/n/show] ')
  assert.is(agents.writes.calls.length, 0)
  terminal.type('y\r')
  await terminal.sees('✓ note_write  wrote it')
  await terminal.sees('it was result')
  assert.is(agents.writes.calls.length, 1)
  await terminal.sees('king> ')
  terminal.type('write\r')
  await terminal.sees('allow note_write? [y/n/show] ')
  terminal.type('n\r')
  await terminal.sees('it was refused')
  assert.is(agents.writes.calls.length, 1)
  terminal.type('/quit\r')
  await terminal.done
})

test('Ctrl-C cancels an answer, then drops a line, then leaves', async ({ server, agents }) => {
  const terminal = chatOn(server)
  await terminal.sees('king> ')
  terminal.type('think\r')
  await agents.thinking
  const owner = { kind: 'owner', id: 'owner', scope: 'admin' } as const
  const id = agents.conversations.list(owner)[0]!.id
  const other = chatOn(server, { options: { continue: id } })
  await other.sees('still being made')
  other.end()
  await other.done
  assert.ok(agents.conversations.answering(owner, id) !== null)
  terminal.type('\u0003')
  await terminal.sees('cancelled')
  assert.is(agents.conversations.answering(owner, id), null)
  await terminal.sees('king> ')
  terminal.type('half a thought\u0003')
  terminal.type('after\r')
  await terminal.sees('king heard 1: after')
  await terminal.sees('king> ')
  terminal.type('\u0003')
  await terminal.done
})

test('a paste of several lines is one message, and so is a line that goes on', async ({ server }) => {
  const terminal = chatOn(server)
  await terminal.sees('king> ')
  terminal.type('one\rtwo\rthree\r')
  await terminal.sees('king heard 1: one\ntwo\nthree')
  await terminal.sees('king> ')
  terminal.type('a\rb')
  await terminal.sees('b')
  terminal.type('\r')
  await terminal.sees('king heard 3: a\nb')
  await terminal.sees('king> ')
  terminal.type('four\\\r')
  await terminal.sees('… ')
  terminal.type('five\r')
  await terminal.sees('king heard 5: four\nfive')
  terminal.type('/quit\r')
  await terminal.done
})

test('slash commands: agent, model, new, history, twin, forget, help, and what is none', async ({
  server,
}) => {
  await village(server.directory, 'twin', 'add', 'My sister is called Ada')
  await village(server.directory, 'twin', 'add', 'My boat lies in Bergen')
  const terminal = chatOn(server)
  const steps: readonly (readonly [string, string])[] = [
    ['/help', '/forget <id|words>'],
    ['/agent', '* king'],
    ['/agent magi', 'error AGENT_UNKNOWN'],
    ['/agent sage', 'sage answers'],
    ['/model none', 'rules decide'],
    ['/model', 'rules decide'],
    ['/model default', 'rules decide (agents.model is not set)'],
    ['/model nope', 'error CHAT_MODEL_UNKNOWN'],
    ['/histry', 'did you mean /history?'],
    ['/history', 'no conversation yet'],
    ['hello', 'sage heard 1: hello'],
    ['/new', 'a new conversation'],
    ['other', 'sage heard 1: other'],
    ['/history', 'other'],
    ['/history last', '> other'],
    ['/twin', 'My sister is called Ada'],
    ['/twin boat', 'Bergen'],
    ['/forget boat', 'erase "My boat lies in Bergen"?'],
    ['y', 'erased'],
    ['/forget', 'error USAGE'],
  ]
  for (const [typed, seen] of steps) {
    await terminal.sees(typed === 'y' ? ' ' : '> ')
    terminal.type(`${typed}\r`)
    await terminal.sees(seen)
  }
  terminal.type('/quit\r')
  await terminal.done
  const { memories } = (await server.ask('/api/v1/twin')).json
  assert.equal(
    memories.map(({ text }: { text: string }) => text),
    ['My sister is called Ada'],
  )
})

test('from a pipe each line is a question, the answers alone are output, and nothing is approved', async ({
  server,
  agents,
}) => {
  const pipe = chatOn(server, { isTTY: false })
  pipe.type('first\n\nwrite\n')
  pipe.type('cite')
  pipe.end()
  await pipe.done
  assert.equal(
    pipe
      .out()
      .split('\n')
      .filter((line) => !line.startsWith('(')),
    ['king heard 1: first', 'it was refused', 'It is so [2].', '[2] Paper 2, page 2 (p2.pdf)', ''],
  )
  assert.is(agents.writes.calls.length, 0)

  const json = chatOn(server, { isTTY: false, json: true })
  json.type('first\nsecond\n')
  json.end()
  const { document } = (await json.done) as {
    document: { turns: { question: string; answer: { text: string } }[] }
  }
  assert.is(json.out(), '')
  assert.equal(
    document.turns.map(({ question, answer }) => [question, answer.text]),
    [
      ['first', 'king heard 1: first'],
      ['second', 'king heard 3: second'],
    ],
  )
})

test('from a pipe what begins with a slash is obeyed, not asked', async ({ server }) => {
  const pipe = chatOn(server, { isTTY: false })
  pipe.type('/agent sage\nhello\n/quit\nnever asked\n')
  pipe.end()
  await pipe.done
  assert.is(pipe.out(), '(sage answers)\nsage heard 1: hello\n')
})

test('Ctrl-C at the question of an approval ends the request at once', async ({ server, agents }) => {
  const terminal = chatOn(server)
  await terminal.sees('king> ')
  terminal.type('write\r')
  await terminal.sees('allow note_write? [y/n/show] ')
  terminal.type('what\r')
  await terminal.sees('y, n or show')
  await terminal.sees('allow note_write? [y/n/show] ')
  terminal.type('\u0003')
  await terminal.sees('cancelled')
  await terminal.sees('king> ')
  terminal.type('hello\r')
  await terminal.sees('heard')
  assert.is(agents.writes.calls.length, 0)
  terminal.type('/quit\r')
  await terminal.done
})

test('an empty pipe, a conversation that is not there, and options that exclude each other are refused', async ({
  server,
}) => {
  for (const [options, code] of [
    [{}, 'USAGE'],
    [{ continue: 'none' }, 'NOT_FOUND'],
    [{ continue: 'last' }, 'NOT_FOUND'],
    [{ continue: 'x', new: true }, 'USAGE'],
  ] as const) {
    const pipe = chatOn(server, { isTTY: false, options })
    pipe.end()
    const error: unknown = await pipe.done.then(
      () => assert.unreachable(),
      (thrown: unknown) => thrown,
    )
    assert.is((error as VillageError).code, code)
  }
})

test('footnotes name what is cited and escape what a terminal would obey', () => {
  const item = (number: number, title: string | null, source: string, page: number | null) => ({
    ...{ number, title, source, page },
  })
  assert.equal(
    footnotes('a [1] b [3][3] [9]', [
      item(1, null, 'notes.md', null),
      item(2, 'Not cited', 'x', null),
      item(3, 'A\u001b[31m title', 'b.pdf', 4),
    ]),
    ['[1] notes.md', '[3] A\\u{1b}[31m title, page 4 (b.pdf)'],
  )
})

test.run()

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ChatRequest,
  type ChatTemplate,
  loadChatTemplate,
} from '../../../node/compute/models/chat-template.ts'
import { strftime } from '../../../node/compute/models/strftime.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('chat templates')
const directory = mkdtempSync(join(tmpdir(), 'village-chat-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))
const NOW = new Date(2026, 6, 4, 9, 5, 7)

let written = 0
function modelDir(files: Record<string, unknown>): string {
  const path = join(directory, String(written++))
  mkdirSync(path)
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const load = (template: unknown, config: object = {}): ChatTemplate =>
  loadChatTemplate(modelDir({ 'tokenizer_config.json': { ...config, chat_template: template } }), {
    now: () => NOW,
  })!

const TALK: ChatRequest = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello!' },
    { role: 'assistant', content: ' Hi. ' },
    { role: 'user', content: 'Why?' },
  ],
  addGenerationPrompt: true,
}
const WITHOUT_SYSTEM = { ...TALK, messages: TALK.messages.slice(1) }

/** In the manner of ChatML: one message a block. */
const CHATML = `{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
`

test('ChatML', () => {
  const template = load(CHATML)
  assert.is(
    template.render(TALK),
    '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n Hi. <|im_end|>\n' +
      '<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n',
  )
  assert.is(
    template.render({ messages: [{ role: 'user', content: 'x' }], addGenerationPrompt: false }),
    '<|im_start|>user\nx<|im_end|>\n',
  )
})

/** In the manner of Llama 3: headers, a date, tools before the system text. */
const LLAMA3 = `{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}
{{- 'Today: ' + strftime_now('%d %b %Y') + '\n\n' }}
{%- if tools is not none %}
    {%- for tool in tools %}
        {{- tool | tojson(indent=2) }}
        {{- '\n' }}
    {%- endfor %}
{%- endif %}
{{- system + '<|eot_id|>' }}
{%- for message in messages %}
    {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}`

test('Llama 3: special tokens, dates and tools', () => {
  const template = load(LLAMA3, { bos_token: { content: '<|begin_of_text|>', special: true } })
  const talk =
    'Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n' +
    'Hi.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n'
  const head = '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday: 04 Jul 2026\n\n'
  assert.is(template.render(TALK), head + talk)
  const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }]
  assert.is(
    template.render({ ...TALK, tools }),
    `${head}{\n  "type": "function",\n  "function": {\n    "name": "weather",\n    "parameters": {}\n  }\n}\n${talk}`,
  )
})

/** In the manner of Mistral: turns alternate, the system text goes before the last question. */
const MISTRAL = `{{ bos_token }}{% if messages[0].role == 'system' %}{% set system = messages[0].content + '\n\n' %}{% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}
{%- for message in turns %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Roles must alternate user and assistant') }}
{%- endif %}
{%- if message.role == 'user' %}
{{- ' [INST] ' + (system if loop.last else '') + message.content + ' [/INST]' }}
{%- else %}
{{- ' ' + message.content | trim + eos_token }}
{%- endif %}
{%- endfor %}`

test('Mistral: a template may refuse a conversation', () => {
  const template = load(MISTRAL, { bos_token: '<s>', eos_token: '</s>' })
  assert.is(template.render(TALK), '<s> [INST] Hello! [/INST] Hi.</s> [INST] Be brief.\n\nWhy? [/INST]')
  assert.is(template.render(WITHOUT_SYSTEM), '<s> [INST] Hello! [/INST] Hi.</s> [INST] Why? [/INST]')
  const twice = { ...TALK, messages: [TALK.messages[1]!, TALK.messages[1]!] }
  const error = throwsCode(() => template.render(twice), 'CHAT_TEMPLATE_FAILED')
  assert.match(error.message, 'Roles must alternate')
  assert.is(error.fields.field, 'chat_template')
})

test('a file goes before the configuration, and of named templates the one for tools is taken with tools', () => {
  assert.is(loadChatTemplate(modelDir({})), null)
  assert.is(loadChatTemplate(modelDir({ 'tokenizer_config.json': { bos_token: 'x' } })), null)
  const both = { 'tokenizer_config.json': { chat_template: 'config' }, 'chat_template.jinja': 'file' }
  assert.is(loadChatTemplate(modelDir(both))!.render(TALK), 'file')
  const named = load([
    { name: 'tool_use', template: 'tools {{ tools | length }}' },
    { name: 'default', template: "plain {{ 'yes' if tools is none else 'no' }}" },
  ])
  assert.is(named.render(TALK), 'plain yes')
  assert.is(named.render({ ...TALK, tools: [{}] }), 'tools 1')
})

test('a template takes so much and no more', () => {
  const endless = '{% for i in range(90000) %}{% for j in range(90000) %}{{ j }}{% endfor %}{% endfor %}'
  const doubled = (start: string, step: string) =>
    `{% set ns = namespace(x=${start}) %}{% for i in range(60) %}{% set ns.x = ${step} %}{% endfor %}{{ ns.x }}`
  /** Keeps what it makes of a text that is doubled a few times, or of a list. */
  const hoard = (start: string, doublings: number, made: string) =>
    `{% set ns = namespace(x=${start}, l=[]) %}{% for i in range(${doublings}) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{% for i in range(9000) %}{% set ns.l = ns.l + [${made}] %}{% endfor %}`
  const cases: [string, RegExp][] = [
    [endless, /steps|ms/],
    [doubled("'a'", 'ns.x + ns.x'), /characters/],
    [doubled("'aaaa'", "ns.x.replace('a', ns.x)"), /characters|string length/],
    [doubled('[1]', 'ns.x + ns.x'), /entries/],
    ['{{ range(1000000000) }}', /entries/],
    [hoard("'a'", 20, 'ns.x|upper'), /too many|ms/],
    [hoard('range(90000)', 0, 'ns.x[::-1]'), /too many|ms/],
    ["{{ 'a\nb' | indent(1000000000) }}", /spaces/],
    ["{{ {'a': [1]} | tojson(indent=1000000000) }}", /spaces/],
    [`{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`, /stack/],
    ['{% for x in %}', /cannot be run/],
    ['{{ 1 + none }}', /cannot be run/],
  ]
  // On a slow machine the time is over first.
  for (const [template, says] of cases) {
    const error = throwsCode(() => load(template).render(TALK), 'CHAT_TEMPLATE_FAILED')
    assert.match(error.message, says)
  }
  throwsCode(() => load('x'.repeat(300_000)), 'CHAT_TEMPLATE_FAILED')
  throwsCode(
    () => loadChatTemplate(modelDir({ 'chat_template.jinja': 'x'.repeat(300_000) })),
    'CHAT_TEMPLATE_FAILED',
  )
  for (const config of ['{', '[]', { chat_template: 7 }, { chat_template: [{ template: 'x' }] }])
    throwsCode(() => loadChatTemplate(modelDir({ 'tokenizer_config.json': config })), 'CHAT_TEMPLATE_FAILED')
})

test('a template reaches nothing but its variables', () => {
  for (const name of ['process', 'globalThis', 'require', 'constructor', '__proto__', 'call'])
    assert.is(load(`{{ 'yes' if ${name} is defined else 'no' }}`).render(TALK), 'no', name)
  for (const template of [
    "{{ messages.constructor.constructor('return 1')() }}",
    "{{ raise_exception.constructor('return 1')() }}",
    "{{ ''.constructor }}x",
  ])
    try {
      assert.is(load(template).render(TALK), 'x', template)
    } catch (error) {
      throwsCode(() => {
        throw error
      }, 'CHAT_TEMPLATE_FAILED')
    }
})

test('dates', () => {
  assert.is(
    strftime(NOW, '%Y-%m-%d %H:%M:%S %y %e %I %p %A %a %B %b %j %% %Q'),
    '2026-07-04 09:05:07 26  4 09 AM Saturday Sat July Jul 185 % %Q',
  )
  assert.is(strftime(new Date(2024, 11, 31, 0, 0), '%j %I %p'), '366 12 AM')
})

test.run()

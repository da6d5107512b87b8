/** The files that the commands of the documents name, and the models that its pages speak of. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { customSuite } from './evaluations.ts'
import { LIBRARY } from './small-library.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

const QUESTIONS = ['red', 'green', 'blue', 'grey'].map((colour, index) => ({
  question: `Which colour has number ${index}?`,
  choices: ['red', 'green', 'blue', 'grey'],
  answer: index,
  subject: 'colours',
  prompt: `Which colour has number ${index}?`,
  colour,
}))
const lines = (rows: readonly object[]) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`
export const CHAT_TEMPLATE =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:'
/** Models that pages speak of: name → files of a source directory. */
export const MODELS = ['my-lm', 'my-lm-int4', 'other-lm', 'my-chat-model'] as const

const SUMS = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({
  question: `Ada has ${n} eggs and finds ${n} more. How many has she?`,
  answer: `${n} + ${n} = <<${n}+${n}=${2 * n}>>${2 * n}\n#### ${2 * n}`,
}))
const PROGRAMS = [
  {
    task_id: 'HumanEval/0',
    prompt: 'def double(x):\n    """Twice x."""\n',
    entry_point: 'double',
    canonical_solution: '    return 2 * x\n',
    test: 'def check(candidate):\n    assert candidate(2) == 4\n',
  },
]

/** The files that documents name, by their path in the home directory. */
export function writeFiles(home: string): void {
  const text = LIBRARY.map((document) => document.text).join('\n\n')
  const files: Record<string, string | Uint8Array> = {
    'passphrase.txt': 'a long one, for the test\n',
    'notes.txt': text,
    'held-out.txt': text,
    'goals.yaml': readFileSync(path.join(ROOT, 'docs/examples/self-evolution.yaml')),
    'my-texts.txt': text,
    'pairs.jsonl': lines(SUMS.map(({ question, answer }) => ({ prompt: question, completion: answer }))),
    'questions.jsonl': customSuite(8),
    'mmlu_test.jsonl': lines(QUESTIONS),
    'mmlu_dev.jsonl': lines(QUESTIONS),
    'gsm8k_test.jsonl': lines(SUMS),
    'gsm8k_train.jsonl': lines(SUMS),
    'HumanEval.jsonl.gz': gzipSync(lines(PROGRAMS)),
    'birds.json': JSON.stringify({ type: 'object', properties: { birds: { type: 'array' } } }),
    'scifact/corpus.jsonl': lines(LIBRARY.map(({ text }, at) => ({ _id: String(at), title: '', text }))),
    'scifact/queries.jsonl': lines([{ _id: 'q', text: 'Where is the main valve?' }]),
    'scifact/qrels/test.tsv': 'query-id\tcorpus-id\tscore\nq\t0\t1\n',
    ...Object.fromEntries(LIBRARY.map(({ source, text }) => [`notes/${source}`, text])),
  }
  for (const [name, content] of Object.entries(files)) {
    const at = path.join(home, name)
    mkdirSync(path.dirname(at), { recursive: true })
    writeFileSync(at, content)
  }
}

/** What a reader's example asks for, and as much of the same as a test needs. */
const SMALLER: readonly { file: string; size: string; smaller: string }[] = [
  { file: 'evolve-merge.yaml', size: 'selectionItems: 240', smaller: 'selectionItems: 24' },
  { file: 'federate-simulation.yaml', size: 'rounds: 20', smaller: 'rounds: 5' },
]

/** The examples of the documents, as they are but for these sizes, in `docs/examples` of the home directory. */
export function writeExampleFiles(home: string): void {
  const examples = path.join(home, 'docs/examples')
  cpSync(path.join(ROOT, 'docs/examples'), examples, { recursive: true })
  for (const { file, size, smaller } of SMALLER) {
    const text = readFileSync(path.join(examples, file), 'utf8')
    if (!text.includes(size)) throw new Error(`${file} does not say \`${size}\``)
    writeFileSync(path.join(examples, file), text.replace(size, smaller))
  }
}

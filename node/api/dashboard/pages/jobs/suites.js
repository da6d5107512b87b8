/** The evaluation suites as the form offers them: which models they fit, the files that they are made from, and what can be said about them. */

/** Option of an evaluation → its words and its field. What is left empty is for the suite to choose. */
export const OPTIONS = {
  limit: ['Items at most', { min: 1, step: 1, placeholder: 'all' }],
  shots: ['Examples in front of each item', { min: 0, step: 1, placeholder: 'as the suite has it' }],
  samples: ['Programs drawn for each problem', { min: 1, step: 1, placeholder: '1' }],
  temperature: [
    'Temperature they are drawn with',
    { min: 0, step: 'any', placeholder: '0 for one, else 0.8' },
  ],
  seed: ['Seed of what is drawn', { min: 0, step: 1, placeholder: '0' }],
  maxTokens: ['Longest text, in tokens', { min: 1, step: 1, placeholder: 'as the suite has it' }],
  stride: ['Tokens that a window moves on by', { min: 1, step: 1, placeholder: 'the model’s context' }],
}

const QUESTIONS = 'JSON lines: subject, question, choices, answer'
const PROBLEMS = 'JSON lines: question, answer'

/** Suites over data of one's own. Of each file: its name in the job, what it is, and whether it can be left out. */
export const WITH_DATA = [
  {
    ...{ name: 'perplexity', title: 'Perplexity of a text', kinds: ['language'] },
    files: [{ name: 'data', about: 'A text, or JSON lines with `text`' }],
    options: ['limit', 'stride'],
  },
  {
    ...{ name: 'custom', title: 'Items of your own', kinds: ['language'] },
    files: [{ name: 'data', about: 'JSON lines: choices, texts to complete, texts' }],
    options: ['limit'],
  },
  {
    ...{ name: 'mmlu', title: 'MMLU: questions with four choices', kinds: ['language'] },
    files: [
      { name: 'data', about: QUESTIONS },
      { name: 'shotsData', about: `Examples from another file (${QUESTIONS})`, optional: true },
    ],
    options: ['shots', 'limit'],
  },
  {
    ...{ name: 'gsm8k', title: 'GSM8K: word problems', kinds: ['language'] },
    files: [
      { name: 'data', about: PROBLEMS },
      { name: 'shotsData', about: `Examples from another file (${PROBLEMS})`, optional: true },
    ],
    options: ['shots', 'limit', 'maxTokens'],
  },
  {
    ...{ name: 'humaneval', title: 'HumanEval: programs, run in the sandbox', kinds: ['language'] },
    files: [{ name: 'data', about: 'HumanEval.jsonl or .jsonl.gz' }],
    options: ['limit', 'samples', 'temperature', 'seed', 'maxTokens'],
  },
  {
    ...{ name: 'retrieval', title: 'Retrieval: judged queries over documents', kinds: ['encoder'] },
    files: [
      { name: 'data', about: 'The documents: corpus.jsonl of BEIR’s layout' },
      { name: 'queries', about: 'The queries: queries.jsonl' },
      { name: 'judgements', about: 'What answers them: qrels.tsv' },
    ],
    options: ['limit'],
  },
]

/** Those that the daemon has data for come first. @param {{ suites: { name: string, title: string, kinds: string[] }[] }} catalog */
export const suitesOf = (catalog) => [
  ...catalog.suites.map(({ name, title, kinds }) => ({ name, title, kinds, files: [], options: [] })),
  ...WITH_DATA.filter(({ name }) => !catalog.suites.some((suite) => suite.name === name)),
]

/** The options that were filled in, as numbers. @param {{ options: string[] }} suite @param {FormData} form */
export const optionsOf = (suite, form) =>
  Object.fromEntries(
    suite.options
      .map((name) => [name, String(form.get(name) ?? '').trim()])
      .filter(([, text]) => text !== '')
      .map(([name, text]) => [name, Number(text)]),
  )

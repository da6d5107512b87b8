/** `village model …`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const MODEL = ['<model>', 'Id of a model (`village model list`).'] as const
const ID = { flags: '--id <id>', doc: 'The short name that it gets.' } as const
const WEIGHTS_ONLY = {
  flags: '--weights-only',
  doc: 'Keep safetensors as they are, without building a graph that could run.',
} as const
const NO_ADAPTERS = {
  flags: '--no-adapters',
  doc: 'Build a graph without inputs for LoRA adapters: a little faster.',
} as const

export const MODEL_COMMANDS: readonly CommandRow[] = [
  {
    name: 'model list',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'The models that this node knows.',
    options: [{ flags: '--village', doc: 'The models that members of the village share.' }],
    load: async () => (await import('./model.ts')).list,
  },
  {
    name: 'model add',
    group: 'Models and jobs',
    summary:
      'Add an ONNX file, a model directory (ONNX or safetensors), or a model that comes with the daemon.',
    args: [['[path]', 'An .onnx, .safetensors or llama2.c .bin file, or a directory with a model.']],
    options: [
      {
        flags: '--embedded <name>',
        doc: 'A model that comes with the daemon: encoder, village-lm, village-lm-<specialist>.',
      },
      ID,
      { flags: '--file <name>', doc: 'The graph, where a directory has several: onnx/model_q4.onnx.' },
      { flags: '--tokenizer <file>', doc: 'The tokenizer of a llama2.c checkpoint, such as tok512.bin.' },
      WEIGHTS_ONLY,
      NO_ADAPTERS,
    ],
    load: async () => (await import('./model.ts')).add,
  },
  {
    name: 'model pull',
    group: 'Models and jobs',
    summary: 'Fetch a model from a Hugging Face compatible hub, or one that a member of the village shares.',
    args: [
      ['<source>', 'OWNER/NAME or OWNER/NAME@REVISION of the hub; village:ID or village:CID of the village.'],
    ],
    options: [
      ID,
      { flags: '--file <name>', doc: 'The graph, where there are several: onnx/model_q4.onnx.' },
      {
        flags: '--include <pattern>',
        doc: 'Fetch these files too, where their kind is allowed: `1_Pooling/*`. May be repeated.',
        repeatable: true,
      },
      { flags: '--hub <url>', doc: 'Another hub than that of the configuration.' },
      WEIGHTS_ONLY,
      NO_ADAPTERS,
    ],
    load: async () => (await import('./pull.ts')).pull,
  },
  {
    name: 'model pulls',
    group: 'Models and jobs',
    summary: 'Pulls that go on or were interrupted.',
    load: async () => (await import('./pull.ts')).pulls,
  },
  {
    name: 'model cancel-pull',
    group: 'Models and jobs',
    summary: 'End a pull and remove what it has fetched.',
    args: [['<pull>', 'Id of a pull (`village model pulls`).']],
    load: async () => (await import('./pull.ts')).cancelPull,
  },
  {
    name: 'model share',
    group: 'Models and jobs',
    summary: 'Tell the members of the village of a model, so that they can pull it.',
    args: [MODEL],
    options: [{ flags: '--stop', doc: 'Do not tell of it any more; who has it keeps it.' }],
    load: async () => (await import('./model.ts')).share,
  },
  {
    name: 'model inspect',
    group: 'Models and jobs',
    summary: 'Inputs, outputs and tensors of a model, and its compression report.',
    args: [MODEL],
    load: async () => (await import('./model.ts')).inspect,
  },
  {
    name: 'model unpack',
    group: 'Models and jobs',
    summary: 'Write a compressed model as an ordinary one: ONNX, or safetensors where it was made of them.',
    args: [
      ['<model>', 'Id of a compressed model, or the CID of a packed one.'],
      ['<directory>', 'Where to; it must be empty or not there.'],
    ],
    options: [
      {
        flags: '--runtime <form>',
        doc: 'float: the decoded values; int8 or dense: small and ready to run, as a job writes it.',
        default: 'float',
      },
    ],
    load: async () => (await import('./model.ts')).unpack,
  },
  {
    name: 'model rm',
    group: 'Models and jobs',
    summary: 'Forget a model.',
    args: [MODEL],
    load: async () => (await import('./model.ts')).remove,
  },
]

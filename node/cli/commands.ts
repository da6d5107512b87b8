/**
 * The commands: one row each. Parsing, help and docs/cli.md are made from the rows; a command's code is only loaded
 * when it runs.
 */
import { type ConfigKey, environmentName, FIELDS } from '../config.ts'
import { AGENT_COMMANDS } from './agent-commands.ts'
import type { CommandRun } from './command.ts'
import { CONFIG_COMMANDS } from './config-commands.ts'
import { EVALUATE_COMMANDS } from './evaluate-commands.ts'
import { EVOLVE_COMMANDS } from './evolve-commands.ts'
import { FEDERATE_COMMANDS } from './federate-commands.ts'
import { GENERATE_COMMANDS } from './generate-commands.ts'
import { GEOMETRY_COMMANDS } from './geometry-commands.ts'
import { KEY_COMMANDS } from './key-commands.ts'
import { KNOWLEDGE_COMMANDS } from './knowledge-commands.ts'
import { MCP_COMMANDS } from './mcp-commands.ts'
import { MERGE_COMMANDS } from './merge-commands.ts'
import { MODEL_COMMANDS } from './model-commands.ts'
import { RUN_COMMANDS } from './run-commands.ts'
import { SELF_EVOLUTION_COMMANDS } from './self-evolution-commands.ts'
import { SERVICE_COMMANDS } from './service-commands.ts'
import { TRAIN_COMMANDS } from './train-commands.ts'
import { TWIN_COMMANDS } from './twin-commands.ts'
import { UPKEEP_COMMANDS } from './upkeep-commands.ts'
import { VILLAGE_COMMANDS } from './village-commands.ts'

export interface CommandOption {
  /** As commander writes it: `--name <value>`, `--flag`. */
  readonly flags: string
  readonly doc: string
  readonly default?: string
  /** All that it can be; shells complete them. */
  readonly values?: readonly string[]
  /** May be given several times. */
  readonly repeatable?: boolean
}

export interface CommandRow {
  /** `status`, or `model add` for a command of a family. */
  readonly name: string
  readonly group: 'Node' | 'Village' | 'Knowledge' | 'Agents' | 'Models and jobs' | 'Artifacts'
  readonly summary: string
  /** `<required>`, `[optional]`, `<several...>`. */
  readonly args?: readonly (readonly [argument: string, doc: string])[]
  readonly options?: readonly CommandOption[]
  /** Of several of one family, the one that runs when none is named. */
  readonly isDefault?: boolean
  load(): Promise<CommandRun>
}

const WAIT: CommandOption = { flags: '--wait', doc: 'Wait until the job has ended, with a progress bar.' }
const PRIORITY: CommandOption = { flags: '--priority <number>', doc: 'Higher goes first.', default: '0' }
const MODEL = ['<model>', 'Id of a model (`village model list`).'] as const
const JOB = ['<job>', 'Id of a job, or its beginning.'] as const
const CID = ['<cid>', 'CID of an artifact.'] as const
const PIN: CommandOption = { flags: '--pin <name>', doc: 'Keep it from collection under this name.' }

/** Every configuration key is an option of `start`. */
export const CONFIG_OPTIONS: readonly CommandOption[] = (Object.keys(FIELDS) as ConfigKey[])
  .filter((key) => key !== 'data.dir')
  .map((key) => {
    const { doc, unit, default: value } = FIELDS[key]
    const shown = Array.isArray(value) ? value.join(',') : String(value)
    return {
      flags: `--${key} <value>`,
      doc: `${doc}${unit === '' ? '' : ` Unit: ${unit}.`} Default: ${shown === '' ? 'none' : shown}. Environment: ${environmentName(key)}.`,
    }
  })

/** Options that every command has. */
export const SHARED_OPTIONS: readonly CommandOption[] = [
  { flags: '--json', doc: 'Print one JSON document.' },
  { flags: '--data.dir <value>', doc: `${FIELDS['data.dir'].doc} Default: ${FIELDS['data.dir'].default}.` },
  {
    flags: '--config <file>',
    doc: 'The configuration file; by default config.json of the data directory, over the one of the installation.',
  },
]

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'start',
    group: 'Node',
    summary: 'Run the daemon in this terminal until Ctrl-C.',
    options: CONFIG_OPTIONS,
    load: async () => (await import('./start.ts')).start,
  },
  {
    name: 'status',
    group: 'Node',
    summary: 'What this node is and does.',
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'resources',
    group: 'Node',
    summary: 'What this node takes of its machine, now and over the last hour.',
    options: [{ flags: '--watch', doc: 'Again every ten seconds, until Ctrl-C.' }],
    load: async () => (await import('./resources.ts')).resources,
  },
  {
    name: 'doctor',
    group: 'Node',
    summary: 'Check the machine and the installation; works without a daemon.',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  ...CONFIG_COMMANDS,
  {
    name: 'completion',
    group: 'Node',
    summary: 'Print a script that makes your shell complete commands and options.',
    args: [['<shell>', 'bash, zsh or fish.']],
    load: async () => (await import('./completion/completion.ts')).completion,
  },
  ...SERVICE_COMMANDS,
  ...UPKEEP_COMMANDS,
  ...KEY_COMMANDS,
  ...VILLAGE_COMMANDS,
  ...KNOWLEDGE_COMMANDS,
  ...AGENT_COMMANDS,
  ...MCP_COMMANDS,
  ...TWIN_COMMANDS,
  ...MODEL_COMMANDS,
  {
    name: 'compress',
    group: 'Models and jobs',
    summary: 'Compress a model over the machines of the village.',
    args: [MODEL],
    options: [
      {
        flags: '--codec <name>',
        doc: 'A codec (docs/compression.md), or auto: one for each tensor. By default int4, and auto where a target is given.',
      },
      {
        flags: '--bits <number>',
        doc: 'Bits a weight, for codecs that offer several; with auto, of the whole model.',
      },
      { flags: '--ratio <number>', doc: 'Target of auto: how many times smaller the packed model is.' },
      { flags: '--size <size>', doc: 'Target of auto: the size of the packed model, such as 4MB.' },
      {
        flags: '--quality <share>',
        doc: 'Target of auto: the smallest model that keeps this share, such as 0.97.',
      },
      { flags: '--set <key=value>', doc: 'Another parameter of the codec.', repeatable: true },
      {
        flags: '--tensor <name=codec>',
        doc: 'The codec of one tensor, such as output.weight=int8 or x=trellis:3.',
        repeatable: true,
      },
      {
        flags: '--calibrate <file>',
        doc: 'Calibrate with these items: lines of text, or JSON lines of the model’s inputs. By default its own sentences for models with a tokenizer.',
      },
      { flags: '--no-calibrate', doc: 'Compress by the weights alone.' },
      {
        flags: '--runtime <form>',
        doc: 'How weights without an operator of their own run: int8 (the default) or dense.',
      },
      {
        flags: '--keep <share>',
        doc: 'The least share of its quality that the model must keep to be published, by default 0.95; 0 measures nothing.',
      },
      { flags: '--suite <name>', doc: 'The evaluation suite that measures it.' },
      {
        flags: '--min-weights <number>',
        doc: 'Tensors with fewer weights stay as they are. By default a 256th of the model’s parameters, between 1,024 and 16,384.',
      },
      { flags: '--id <id>', doc: 'The short name of the compressed model.' },
      {
        flags: '--force',
        doc: 'Publish whatever is left of the quality, and allow codecs that lose much of it (ternary).',
      },
      PRIORITY,
      WAIT,
    ],
    load: async () => (await import('./compress.ts')).compress,
  },
  ...GENERATE_COMMANDS,
  ...EVALUATE_COMMANDS,
  ...TRAIN_COMMANDS,
  ...RUN_COMMANDS,
  ...FEDERATE_COMMANDS,
  ...GEOMETRY_COMMANDS,
  ...EVOLVE_COMMANDS,
  ...MERGE_COMMANDS,
  ...SELF_EVOLUTION_COMMANDS,
  {
    name: 'jobs list',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'The jobs of this node.',
    load: async () => (await import('./jobs.ts')).list,
  },
  {
    name: 'jobs show',
    group: 'Models and jobs',
    summary: 'One job: tasks, who did what, result.',
    args: [JOB],
    options: [WAIT],
    load: async () => (await import('./jobs.ts')).show,
  },
  {
    name: 'jobs cancel',
    group: 'Models and jobs',
    summary: 'Cancel a job.',
    args: [JOB],
    load: async () => (await import('./jobs.ts')).cancel,
  },
  {
    name: 'jobs priority',
    group: 'Models and jobs',
    summary: 'Change a job’s priority; higher goes first.',
    args: [JOB, ['<number>', 'From -100 to 100; put -- before a negative one.']],
    load: async () => (await import('./jobs.ts')).priority,
  },
  {
    name: 'jobs rm',
    group: 'Models and jobs',
    summary: 'Forget a job; a running one is cancelled.',
    args: [JOB],
    load: async () => (await import('./jobs.ts')).remove,
  },
  {
    name: 'jobs retry',
    group: 'Models and jobs',
    summary: 'Submit a job that has ended again, with the same parameters, as a new job.',
    args: [JOB],
    options: [{ flags: '--resume', doc: 'A failed training goes on with the weights that it kept.' }, WAIT],
    load: async () => (await import('./jobs.ts')).retry,
  },
  {
    name: 'artifact list',
    isDefault: true,
    group: 'Artifacts',
    summary: 'The artifacts that this node holds.',
    options: [{ flags: '--all', doc: 'Nameless parts of jobs too.' }],
    load: async () => (await import('./artifact.ts')).list,
  },
  {
    name: 'artifact add',
    group: 'Artifacts',
    summary: 'Store a file or a directory.',
    args: [['<path>', 'A file or a directory; `-` reads standard input.']],
    options: [{ flags: '--name <name>', doc: 'The name that it gets.' }, PIN],
    load: async () => (await import('./artifact.ts')).add,
  },
  {
    name: 'artifact get',
    group: 'Artifacts',
    summary: 'Write an artifact to a file or below a directory.',
    args: [CID],
    options: [
      { flags: '-o, --output <path>', doc: 'Where to; by default its name here. `-`: standard output.' },
      { flags: '--force', doc: 'Replace a file that exists.' },
    ],
    load: async () => (await import('./artifact-transfer.ts')).get,
  },
  {
    name: 'artifact fetch',
    group: 'Artifacts',
    summary: 'Fetch an artifact from the village to this node.',
    args: [CID],
    options: [{ flags: '--from <peer>', doc: 'A peer that has it.', repeatable: true }, PIN],
    load: async () => (await import('./artifact-transfer.ts')).fetch,
  },
  {
    name: 'artifact pin',
    group: 'Artifacts',
    summary: 'Keep an artifact from collection.',
    args: [CID, ['[name]', 'The pin’s name; by default `user`.']],
    load: async () => (await import('./artifact.ts')).pin,
  },
  {
    name: 'artifact unpin',
    group: 'Artifacts',
    summary: 'Take a pin away.',
    args: [CID, ['[name]', 'The pin’s name; by default `user`.']],
    load: async () => (await import('./artifact.ts')).unpin,
  },
  {
    name: 'artifact rm',
    group: 'Artifacts',
    summary: 'Remove an artifact and its pins from this node.',
    args: [CID],
    options: [{ flags: '--force', doc: 'Also when a model or a job needs it.' }],
    load: async () => (await import('./artifact.ts')).remove,
  },
  {
    name: 'artifact gc',
    group: 'Artifacts',
    summary: 'Remove what no pin needs.',
    load: async () => (await import('./artifact.ts')).collect,
  },
  {
    name: 'artifact export',
    group: 'Artifacts',
    summary: 'Write artifacts to a CAR file, for a USB stick or any IPFS tool.',
    args: [['<cid...>', 'CIDs of artifacts.']],
    options: [
      { flags: '-o, --output <path>', doc: 'The file; `-`: standard output.', default: 'artifacts.car' },
    ],
    load: async () => (await import('./artifact-transfer.ts')).exportCar,
  },
  {
    name: 'artifact import',
    group: 'Artifacts',
    summary: 'Store the artifacts of a CAR file.',
    args: [['<file>', 'A CAR file; `-` reads standard input.']],
    options: [PIN],
    load: async () => (await import('./artifact-transfer.ts')).importCar,
  },
]

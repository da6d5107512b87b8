/** `village train`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const TRAIN_COMMANDS: readonly CommandRow[] = [
  {
    name: 'train',
    group: 'Models and jobs',
    summary: 'Train a language model on your own texts, on this machine alone.',
    args: [['<model>', 'Id of a language model.']],
    options: [
      {
        flags: '--data <file>',
        doc: 'What it learns from: text, or JSON lines (docs/training.md).',
        repeatable: true,
      },
      {
        flags: '--split <where>',
        doc: 'What ends a document of a text file: blank-line (the default) or file.',
      },
      { flags: '--held-out <share>', doc: 'Share of the documents that is only measured, by default 0.05.' },
      { flags: '--method <name>', doc: 'full (the default) or lora: small matrices beside the weights.' },
      { flags: '--rank <number>', doc: 'Of LoRA, by default 8.' },
      { flags: '--alpha <number>', doc: 'Of LoRA, by default twice the rank.' },
      { flags: '--module <name>', doc: 'Only these modules get LoRA, such as q_proj.', repeatable: true },
      {
        flags: '--adapter',
        doc: 'Keep what LoRA learned as an adapter, instead of a model that has it inside.',
      },
      { flags: '--steps <number>', doc: 'Updates in all.' },
      { flags: '--epochs <number>', doc: 'Or how often all data are seen, by default once.' },
      { flags: '--batch <number>', doc: 'Rows at once, by default 8.' },
      { flags: '--accumulation <number>', doc: 'Batches for one update, by default 1.' },
      { flags: '--length <number>', doc: 'Tokens of a row, by default 256, or all that the model can see.' },
      { flags: '--learning-rate <number>', doc: 'The highest rate, by default 3e-4; for LoRA 1e-3.' },
      { flags: '--schedule <name>', doc: 'cosine (the default), linear, constant or wsd.' },
      {
        flags: '--warmup <number>',
        doc: 'Steps until the highest rate, by default a twentieth, at most 100.',
      },
      { flags: '--optimiser <name>', doc: 'adamw (the default) or sgd.' },
      { flags: '--weight-decay <number>', doc: 'By default 0.01.' },
      { flags: '--clip <number>', doc: 'The largest norm of a gradient, by default 1; 0 for any.' },
      { flags: '--early-stop <number>', doc: 'End after so many held-out losses without a gain.' },
      { flags: '--min-gain <number>', doc: 'What counts as a gain, in nats by token, by default 0.' },
      { flags: '--evaluate-every <number>', doc: 'Steps between held-out losses, by default a twentieth.' },
      { flags: '--checkpoint <seconds>', doc: 'Least time between checkpoints, by default 60.' },
      { flags: '--seed <number>', doc: 'Of the order of the data and the start of LoRA, by default 0.' },
      {
        flags: '--geometry',
        doc: 'Measure the geometry of what it learns at each look at what is held out (docs/geometry.md).',
      },
      { flags: '--from <job>', doc: 'Begin with the weights that a training which failed has kept.' },
      { flags: '--id <id>', doc: 'The short name of the result.' },
      { flags: '--priority <number>', doc: 'Higher goes first.', default: '0' },
      { flags: '--wait', doc: 'Wait until the job has ended, with a progress bar.' },
    ],
    load: async () => (await import('./train.ts')).train,
  },
]

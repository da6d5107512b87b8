/** `village index`, `collection …`, `search` and `ask`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'
import { SEARCH_COMMANDS } from './search-commands.ts'

const NAME = ['<name>', 'Name or id of a collection (`village collection list`).'] as const
const ACCESS = {
  flags: '--access <who>',
  doc: 'Who may search it: private (nobody else learns of it), village (members), public (guests too).',
} as const
const REPLICAS = {
  flags: '--replicas <number>',
  doc: 'Members that are to hold a copy, 0 to 16; of use with --access village or public.',
} as const
const YES = { flags: '--yes', doc: 'Do not ask.' } as const

export const KNOWLEDGE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'index',
    group: 'Knowledge',
    summary:
      'Index files and folders, so that they can be searched and asked; what has not changed is not read again.',
    args: [['[path...]', 'Files, folders or file:// URLs of this machine.']],
    options: [
      {
        flags: '--collection <name>',
        doc: 'The collection that they go to (always needed); it is made where it is not there.',
      },
      { flags: '--watch', doc: 'Follow what changes from now on, also after a restart.' },
      ACCESS,
      {
        flags: '--include <pattern>',
        doc: 'Only files that match, such as *.md or notes/**; as in .gitignore. What was indexed of the same folder before and does not match is removed from the collection.',
        repeatable: true,
      },
      {
        flags: '--exclude <pattern>',
        doc: 'Leave out what matches, and remove it from the collection where it was indexed before.',
        repeatable: true,
      },
      {
        flags: '--language <code>',
        doc: 'Language of the documents (ISO 639-1); otherwise told by document.',
      },
      { flags: '--encoder <model>', doc: 'The model that makes the vectors of a new collection.' },
      {
        flags: '--no-embed',
        doc: 'A new collection without vectors: it is searched by words alone, and indexed many times as fast.',
      },
      {
        flags: '--segment-chunks <number>',
        doc: 'Passages of a segment of a new collection, 16 to 1000000.',
      },
      { flags: '--background', doc: 'Do not wait until it has ended.' },
      { flags: '--list', doc: 'Show the runs that go on, and the last that have ended.' },
      { flags: '--cancel <run>', doc: 'End a run; what it has done stays.' },
    ],
    load: async () => (await import('./index-paths.ts')).index,
  },
  {
    name: 'collection list',
    isDefault: true,
    group: 'Knowledge',
    summary: 'The collections of this node, and those that members share.',
    load: async () => (await import('./collection.ts')).list,
  },
  {
    name: 'collection show',
    group: 'Knowledge',
    summary: 'One collection of this node; one document of it.',
    args: [NAME, ['[document]', 'Id or source of a document: its text is printed.']],
    options: [
      { flags: '--documents', doc: 'List its documents.' },
      { flags: '--limit <number>', doc: 'Documents that are listed at most.', default: '1000' },
    ],
    load: async () => (await import('./collection.ts')).show,
  },
  {
    name: 'collection set',
    group: 'Knowledge',
    summary: 'Change who may search a collection, and how it is spread.',
    args: [NAME],
    options: [
      ACCESS,
      REPLICAS,
      { flags: '--keep', doc: 'Keep a copy of the text here (the default).' },
      { flags: '--no-keep', doc: 'Let the text go when enough members hold it.' },
      { flags: '--weight <share>', doc: 'Share of the vectors in the score, 0 to 1.' },
      {
        flags: '--feedback',
        doc: 'Expand queries by words of the best passages, unless a search says otherwise.',
      },
      { flags: '--no-feedback', doc: 'Do not (the default).' },
      {
        flags: '--candidates <number>',
        doc: 'Passages that each ranker puts up, unless a search says otherwise.',
      },
      { flags: '--unwatch <path>', doc: 'Do not watch this path any more.' },
    ],
    load: async () => (await import('./collection.ts')).set,
  },
  {
    name: 'collection rm',
    group: 'Knowledge',
    summary: 'Remove a collection, or documents of it, here and from the members that hold copies.',
    args: [NAME],
    options: [
      {
        flags: '--document <document>',
        doc: 'Id or source of a document, or a folder such as notes/: only that is removed.',
        repeatable: true,
      },
      YES,
    ],
    load: async () => (await import('./collection.ts')).remove,
  },
  {
    name: 'collection tune',
    group: 'Knowledge',
    summary: 'Find how much vectors and words count in the scores of a collection, by judged queries.',
    args: [NAME],
    options: [
      {
        flags: '--judged <directory>',
        doc: 'With queries.jsonl and qrels.tsv, whose documents are ids, sources or values of the field `id`.',
      },
    ],
    load: async () => (await import('./tune.ts')).tune,
  },
  {
    name: 'collection export',
    group: 'Knowledge',
    summary: 'Write a collection to one file, for a USB stick.',
    args: [NAME],
    options: [
      {
        flags: '-o, --output <path>',
        doc: 'The file; by default NAME.collection.tar. `-`: standard output.',
      },
      { flags: '--force', doc: 'Replace a file that exists.' },
    ],
    load: async () => (await import('./collection-transfer.ts')).exportArchive,
  },
  {
    name: 'collection import',
    group: 'Knowledge',
    summary: 'Take in a collection from a file, as a private one of this node.',
    args: [['<file>', 'What `collection export` wrote; `-` reads standard input.']],
    options: [{ flags: '--as <name>', doc: 'The name that it gets.' }],
    load: async () => (await import('./collection-transfer.ts')).importArchive,
  },
  ...SEARCH_COMMANDS,
]

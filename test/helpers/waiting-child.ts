/** A process that says that it runs, and waits to be ended. */
process.send?.('ready')
setInterval(() => {}, 60_000)

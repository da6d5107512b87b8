/** Texts of bounded bytes for the wire, whole characters only. */

/** At most `maxBytes` of UTF-8, cut between characters; halves of surrogate pairs become U+FFFD, as in any UTF-8. */
export function cutBytes(text: string, maxBytes: number): string {
  // No character is shorter than a byte a unit: what is short enough needs no copy.
  if (text.length * 3 <= maxBytes) return text.toWellFormed()
  const bytes = Buffer.from(text.slice(0, maxBytes))
  if (bytes.length <= maxBytes) return bytes.toString('utf8')
  let end = maxBytes
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

/** A text in pieces of at most `maxBytes`. */
export function pieces(text: string, maxBytes: number): string[] {
  const found: string[] = []
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; ) {
    let end = Math.min(bytes.length, from + maxBytes)
    while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1
    found.push(bytes.toString('utf8', from, end))
    from = end
  }
  return found
}

/** What the largest QR code holds at its lowest error correction, in bytes (ISO/IEC 18004, version 40-L). */
const MAX_QR_BYTES = 2_953

/** An invite as an SVG image, or null when it is too long for any QR code. */
export async function inviteQrSvg(invite: string): Promise<string | null> {
  if (Buffer.byteLength(invite) > MAX_QR_BYTES) return null
  // Loaded when it is asked for: an idle node does without its 15 MB.
  const { default: qrcode } = await import('qrcode')
  return qrcode.toString(invite, { type: 'svg', errorCorrectionLevel: 'L', margin: 2 })
}

import sharp from 'sharp'

/** What sharp decodes of the formats that are read; BMP is decoded here. */
const FORMATS = ['jpeg', 'png', 'webp'] as const

/** What decodes pictures on this machine, for a report: versions, and the formats that it lacks. */
export function imageLibrary(): { sharp: string; vips: string; missing: string[] } {
  return {
    sharp: sharp.versions.sharp ?? 'unknown',
    vips: sharp.versions.vips,
    missing: FORMATS.filter((format) => !sharp.format[format].input.buffer),
  }
}

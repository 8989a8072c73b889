import { describe, expect, it } from 'vitest'
import { facekit } from './program.js'

describe('facekit', () => {
  it('shows help with examples for the program and each command', async () => {
    const program = await facekit(['--help'])
    expect(program.status).toBe(0)
    expect(program.stdout).toMatch(/extract.*Images to embeddings[^]*cluster.*Embeddings to training labels/)
    for (const command of ['extract', 'cluster']) {
      const { status, stdout, stderr } = await facekit([command, '--help'])
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain('Examples:')
      expect(stdout).toContain('--input')
    }
  })

  it('knows its version and completes', async () => {
    expect((await facekit(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await facekit(['completion'])).stdout).toContain('facekit')
  })

  it.each([
    [['cluster', '--cluster-tresh', '0.5'], 'Unknown flag --cluster-tresh. Did you mean --cluster-thresh?'],
    [['extract', '--weight=m.onnx'], 'Unknown flag --weight. Did you mean --weights?'],
    [['cluster', '--no-use-gpus'], 'Unknown flag --no-use-gpus. Did you mean --use-gpu?'],
    [['extract', '--frobnicate'], 'Unknown flag --frobnicate. See --help'],
    [['clutser'], 'Did you mean cluster?'],
    [[], 'Name a command'],
    [['cluster', '--cluster-thresh', '1.5'], 'Expected a cosine between -1 and 1 for --cluster-thresh'],
    [['cluster', '--top-k', 'many'], 'Expected a whole number from 1 for --top-k'],
    [['extract', '--weights', 'm.onnx', '--pixel-mean', '1,2'], 'Expected one number or three'],
    [['extract', '--weights', 'm.onnx', '--channels', 'gbr'], 'Choices: "rgb", "bgr"'],
  ])('refuses %j as usage', async (args, message) => {
    const { status, stdout, stderr } = await facekit(args)
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(message)
    expect(stdout).toBe('')
    expect(status).toBe(2)
  })
})

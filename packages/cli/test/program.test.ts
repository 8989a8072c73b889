import { describe, expect, it } from 'vitest'
import { builtFacekit, facekit } from './program.js'

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
    const { stdout } = await facekit(['--get-yargs-completions', 'facekit', 'cluster', '--'])
    expect(stdout).toMatch(/^--cluster-thresh$/m)
  })

  it.each([
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    [['cluster', '--top-k', 'many'], 2, /^$/, /^facekit: Expected a whole number .*\n$/],
    [['cluster', '--input', 'nowhere'], 3, /^$/, /^facekit: .*nowhere.* \[FILE_SET_FOLDER\]\n$/],
  ])('as a program ends %j with %i', async (args, expected, out, err) => {
    const { status, stdout, stderr } = await builtFacekit(args)
    expect(stdout).toMatch(out)
    expect(stderr).toMatch(err)
    expect(status).toBe(expected)
  })

  it('does not end with 0 where nothing is left to wait for before its work is done', async () => {
    // Whoever waits for this write waits for ever.
    const lost = '--import=data:text/javascript,process.stdout.write=()=>true'
    const { status } = await builtFacekit(['doctor', '--json'], { env: { NODE_OPTIONS: lost } })
    expect(status).toBe(3)
  })

  it.each([
    [['cluster', '--cluster-tresh', '0.5'], 'Unknown flag --cluster-tresh. Did you mean --cluster-thresh?'],
    [['extract', '--weight=m.onnx'], 'Unknown flag --weight. Did you mean --weights?'],
    [['cluster', '--no-use-gpus'], 'Unknown flag --no-use-gpus. Did you mean --use-gpu?'],
    [['extract', '--frobnicate'], 'Unknown flag --frobnicate. See --help'],
    [['clutser'], 'Did you mean cluster?'],
    [[], 'Name a command'],
    [['cluster', '--cluster-thresh', '1.5'], 'Expected a cosine between -1 and 1 for --cluster-thresh'],
    [['cluster', '--top-k', 'many'], 'Expected a whole number from 1, or all, for --top-k'],
    [['extract', '--weights', 'm.onnx', '--pixel-mean', '1,2'], 'Expected one number or three'],
    [['extract', '--weights', 'm.onnx', '--pixel-mean', '1,,3'], 'Expected one number or three'],
    [
      ['extract', '--weights', 'm.onnx', '--pixel-mean', ''],
      'Expected a value for --pixel-mean but received an',
    ],
    [['extract', '--weights', 'm.onnx', '--channels', 'gbr'], 'Choices: "rgb", "bgr"'],
    [
      ['extract', '--weights', 'm.onnx', '--output', ''],
      'Expected a value for --output but received an empty',
    ],
    [['extract', '--weights', 'm.onnx', '--output='], 'Expected a value for --output but received an empty'],
    [['cluster', '--output'], 'Expected a value for --output but received none'],
    [['cluster', '--cluster_thresh', '--json'], 'Expected a value for --cluster-thresh but received none'],
    [['cluster', '--save_groups'], 'Expected a value for --save-groups but received none'],
    [
      ['cluster', '--save_groups', 'abc'],
      'Expected a whole number from 0 for --save-groups but received abc',
    ],
    [['cluster', '--save_groups', '-1'], 'Expected a whole number from 0 for --save-groups but received -1'],
    [
      ['cluster', '--save_groups', '2.5'],
      'Expected a whole number from 0 for --save-groups but received 2.5',
    ],
    [['cluster', '--input', 'e', '--input', 'x'], 'Expected --input once but received it again'],
    [['extract', '--pixel-mean', '1', '--pixel_mean=2'], 'Expected --pixel-mean once'],
    [['cluster', '--use_gpu=maybe'], 'Expected true or false for --use-gpu but received maybe'],
    [
      ['cluster', '--use_gpu', 'False', '--provider', 'cuda'],
      'Expected --provider cuda or --no-use-gpu, not both',
    ],
    [['cluster', '--no-use_gpu', 'False'], 'Expected no value for --no-use-gpu but received False'],
    [['convert', 'a.pth', 'b.onnx', '--outputs'], 'Expected a value for --outputs but received none'],
    [['--json', 'cluster', '--cluster-tresh', '1'], 'Unknown flag --cluster-tresh'],
    [['cluster', '--', '--input', 'e'], 'Expected nothing after -- but received --input.'],
    [['--', 'clutser'], 'Did you mean cluster?'],
    [['x', '--get-yargs-completions', '--constructor'], 'Expected --get-yargs-completions before all'],
  ])('refuses %j as usage', async (args, message) => {
    const { status, stdout, stderr } = await facekit(args)
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(message)
    expect(stdout).toBe('')
    expect(status).toBe(2)
  })

  it.each([
    ['a flag before the command', ['--json', 'cluster', '--input', 'nowhere', '--use_gpu', 'False']],
    ['booleans as Python writes them', ['cluster', '--use_gpu', 'True', '--input', 'nowhere']],
    ['booleans with =', ['cluster', '--input', 'nowhere', '--remove_duplicates=FALSE', '--use-gpu=false']],
    ['no previews', ['cluster', '--input', 'nowhere', '--save_groups', '0']],
    ['a value that begins as a flag does', ['cluster', '--output=--labels', '--input', 'nowhere']],
    ['a negative number', ['cluster', '--input', 'nowhere', '--cluster_thresh', '-0.5']],
    ['negative numbers', ['extract', '--weights', 'w', '--input', 'nowhere', '--pixel-mean', '-5,-5,-5']],
  ])('takes %s', async (_case, args) => {
    const { status, stderr } = await facekit(args)
    // The input is what is wrong with it, and the only thing.
    expect(stderr).toMatch(/nowhere.*\[(FILE_SET_FOLDER|INPUT_MISSING)\]\n$/)
    expect(status).toBe(3)
  })
})

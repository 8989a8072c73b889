import { HEAD_BYTES } from '@facekit/core'
import { FileTensor } from './file-tensor.js'
import { findStateDict } from './find-state-dict.js'
import { InputFile } from './input-file.js'
import { openLegacyFormat } from './legacy-format.js'
import { isSafetensors, isZip, recognizeOther } from './recognize.js'
import type { StateDict } from './state-dict.js'
import type { TorchContent } from './storage.js'
import { openSafetensors } from './safetensors-format.js'
import { openZipFormat } from './zip-format.js'

/**
 * Opens the state dict in a file that torch.save wrote, in the format since PyTorch 1.6 or the one before, or in a
 * safetensors file. Nothing of the file is executed, and no more of it is held than the tensor that is being read.
 *
 * @param path may be a checkpoint with more than the weights in it: what makes one network is taken
 * @throws IresnetError `TORCH_FILE`, `TORCH_GLOBAL`
 */
export async function openStateDict(path: string): Promise<StateDict> {
  const file = await InputFile.open(path)
  try {
    const content = await openContent(file)
    const tensors = new Map<string, FileTensor>()
    const { tensors: found, prefix, leftOut } = findStateDict(file, content.root)
    for (const [name, declared] of found) tensors.set(name, new FileTensor(file, content, name, declared))
    return { source: path, tensors, prefix, leftOut, close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function openContent(file: InputFile): Promise<TorchContent> {
  const head = Buffer.alloc(Math.min(HEAD_BYTES, file.size))
  await file.read(head, 0)
  if (isZip(head)) return openZipFormat(file)
  if (isSafetensors(head)) return openSafetensors(file)
  const other = recognizeOther(head)
  if (other !== undefined) throw file.damaged(`is ${other}, expected what torch.save or safetensors writes`)
  return openLegacyFormat(file)
}

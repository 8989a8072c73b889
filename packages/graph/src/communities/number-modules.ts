/** Numbers modules in the order of their first members, in place. @returns how many there are */
export function numberModules(modules: Int32Array): number {
  let most = -1
  for (const module of modules) most = Math.max(most, module)
  const numberOf = new Int32Array(most + 1).fill(-1)
  let count = 0
  for (let row = 0; row < modules.length; row++) {
    const module = modules[row]!
    if (numberOf[module] === -1) numberOf[module] = count++
    modules[row] = numberOf[module]!
  }
  return count
}

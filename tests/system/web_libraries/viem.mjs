// Uses viem against the chain on the port that is given; prints what came of it as JSON.
import { createPublicClient, createTestClient, createWalletClient, http, parseEther } from 'viem'
import { publicActions, walletActions, webSocket } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { foundry, hardhat } from 'viem/chains'

const [port, key] = process.argv.slice(2)
const url = `http://127.0.0.1:${port}`
const owner = privateKeyToAccount(key)
const nobody = '0x9999999999999999999999999999999999999999'
const answers42 = '0x602a5f5260205ff3'
const multicall3 = '0xcA11bde05977b3631167028862bE2a173976CA11'
const told = {}

const chain = { ...foundry, contracts: { multicall3: { address: multicall3 } } }
const connected = createPublicClient({ chain, transport: webSocket(`ws://127.0.0.1:${port}`) })
let arrived
const head = new Promise(resolve => (arrived = resolve))
const started = connected.request({ method: 'eth_chainId' })
await started
const { unsubscribe } = await connected.transport.subscribe({
  params: ['newHeads'], onData: data => arrived(data.result.number), onError: error => arrived(error),
})

for (const [mode, chain] of [['anvil', foundry], ['hardhat', hardhat]]) {
  const test = createTestClient({ mode, chain, transport: http(url) }).extend(publicActions).extend(walletActions)
  await test.mine({ blocks: 2, interval: 10 })
  await test.setBalance({ address: nobody, value: parseEther('1') })
  await test.setCode({ address: nobody, bytecode: answers42 })
  const { data } = await test.call({ to: nobody })
  await test.setCode({ address: nobody, bytecode: '0x' })
  await test.setStorageAt({ address: nobody, index: 0, value: `0x${'00'.repeat(31)}01` })
  await test.setNonce({ address: nobody, nonce: mode === 'anvil' ? 5 : 50 })
  await test.impersonateAccount({ address: nobody })
  const hash = await test.sendTransaction({ account: nobody, to: owner.address, value: 1n })
  const { status } = await test.waitForTransactionReceipt({ hash })
  await test.stopImpersonatingAccount({ address: nobody })
  const id = await test.snapshot()
  await test.increaseTime({ seconds: 60 })
  await test.mine({ blocks: 1 })
  await test.revert({ id })
  await test.setAutomine(false)
  await test.setAutomine(true)
  await test.setIntervalMining({ interval: 1 })
  await test.setIntervalMining({ interval: 0 })
  told[mode] = [Number(data), status]
}

const abi = [{
  type: 'function', name: 'getChainId', inputs: [], outputs: [{ type: 'uint256' }], stateMutability: 'view',
}]
const aggregated = await connected.multicall({
  contracts: [{ address: multicall3, abi, functionName: 'getChainId' }],
})
told.multicall = Number(aggregated[0].result)
const stateOverride = [{ address: nobody, code: answers42 }]
told.override = Number((await connected.call({ to: nobody, stateOverride })).data)
told.blobFee = Number(await connected.getBlobBaseFee())
const wallet = createWalletClient({ account: owner, chain: foundry, transport: http(url) })
try {
  await wallet.sendTransaction({ to: nobody, value: 1n, nonce: 500 })
} catch (error) {
  told.tooHigh = error.walk(one => one.name === 'NonceTooHighError')?.name
}
told.head = typeof (await head)
await unsubscribe()
console.log(JSON.stringify(told))
process.exit(0)

// Uses ethers against the chain on the port that is given; prints what came of it as JSON.
import { ethers } from 'ethers'

const [port, key] = process.argv.slice(2)
const nobody = `0x${'98'.repeat(20)}`
const told = {}

const connected = new ethers.WebSocketProvider(`ws://127.0.0.1:${port}`)
let arrived
const head = new Promise(resolve => (arrived = resolve))
await connected.on('block', arrived)
const signer = await new ethers.JsonRpcProvider(`http://127.0.0.1:${port}`).getSigner(0)
told.unsigned = (await (await signer.sendTransaction({ to: nobody, value: 1n })).wait()).status
const wallet = new ethers.Wallet(key, connected)
told.signed = (await (await wallet.sendTransaction({ to: nobody, value: 1n })).wait()).status
try {
  await wallet.sendTransaction({ to: nobody, value: 1n, nonce: 99 })
} catch (error) {
  told.tooHigh = error.error.message.slice(0, 14)
}
told.head = typeof (await head)
await connected.destroy()
console.log(JSON.stringify(told))
process.exit(0)

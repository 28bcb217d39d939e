// Prints the CID of each file that is named, as `ipfs add --cid-version=0` with its long-standing defaults has it.
import { createReadStream } from 'node:fs'
import { importByteStream } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

// Nothing is read again.
const nowhere = { put: async (cid) => cid }

for (const path of process.argv.slice(2)) {
  const { cid } = await importByteStream(createReadStream(path), nowhere, {
    cidVersion: 0,
    rawLeaves: false,
    leafType: 'file',
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: 262144 }),
    layout: balanced({ maxChildrenPerNode: 174 })
  })
  console.log(cid.toString())
}

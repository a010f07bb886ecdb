// AWS SDK for JavaScript v3: copies its input, streams a multipart upload, and reads both back.
"use strict";
const assert = require("node:assert/strict");
const { randomBytes } = require("node:crypto");
const { Readable } = require("node:stream");
const {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");

const s3 = new S3Client({});

async function sizes(Bucket) {
  const found = {};
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket })) {
    for (const { Key, Size } of page.Contents ?? []) found[Key] = Size;
  }
  return found;
}

async function read(Bucket, Key, Range) {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, Range }));
  return Buffer.from(await Body.transformToByteArray());
}

async function main() {
  const given = await sizes("labresults");
  assert.ok(Object.keys(given).length > 0);
  for (const Key of Object.keys(given)) {
    const Body = await read("labresults", Key);
    await s3.send(new PutObjectCommand({ Bucket: "out", Key, Body, Metadata: { origin: "labresults" } }));
    const head = await s3.send(new HeadObjectCommand({ Bucket: "out", Key }));
    assert.deepEqual(head.Metadata, { origin: "labresults" });
    assert.deepEqual(await read("out", Key), Body);
    assert.deepEqual(await read("out", Key, "bytes=5-9"), Body.subarray(5, 10));
  }
  assert.deepEqual(await sizes("out"), given);

  const big = randomBytes(17 * 2 ** 20);
  const pieces = Readable.from((function* () {
    for (let first = 0; first < big.length; first += 2 ** 20) yield big.subarray(first, first + 2 ** 20);
  })());
  await new Upload({ client: s3, params: { Bucket: "out", Key: "big.bin", Body: pieces } }).done();
  await s3.send(new CopyObjectCommand({ Bucket: "out", Key: "copy.bin", CopySource: "out/big.bin" }));
  assert.deepEqual(await read("out", "copy.bin"), big);

  const Objects = [{ Key: "big.bin" }, { Key: "copy.bin" }];
  await s3.send(new DeleteObjectsCommand({ Bucket: "out", Delete: { Objects } }));
  await assert.rejects(read("out", "copy.bin"), NoSuchKey);
  assert.deepEqual(await sizes("out"), given);
  console.log(Object.keys(given).join("\n"));
}

main();

// The reserve as the origin's private file system sees it.
import { expect, test } from 'vitest';
import { OriginReserve, type PrivateFolder } from './origin-reserve.ts';

/** A private file system with room for so many bytes. */
function privateFolder(bytes: number): { room: { bytes: number }; files: Map<string, number>; folder: PrivateFolder } {
  const room = { bytes };
  const files = new Map<string, number>();
  const handle = (name: string) => ({
    getFile: async () => ({ size: files.get(name) as number }),
    createWritable: async () => {
      let length = 0;
      return {
        truncate: async (size: number) => {
          if (size > room.bytes) throw new DOMException('full', 'QuotaExceededError');
          length = size;
        },
        abort: async () => {},
        close: async () => void files.set(name, length),
      };
    },
  });
  const missing = (): never => {
    throw new DOMException('none', 'NotFoundError');
  };
  const folder = {
    getFileHandle: async (name: string, options?: { create?: boolean }) => {
      if (!files.has(name)) options?.create ? files.set(name, 0) : missing();
      return handle(name);
    },
    removeEntry: async (name: string) => files.delete(name) || missing(),
  };
  return { room, files, folder: async () => folder as unknown as FileSystemDirectoryHandle };
}

const sizes = (files: Map<string, number>): number[] => [...files.values()];

test('is held once however often it is taken, and given up once', async () => {
  const { files, folder } = privateFolder(2 ** 30);
  const reserve = new OriginReserve(folder);
  expect([await reserve.take(), await reserve.take()]).toEqual([true, true]);
  expect(sizes(files)).toEqual([64 * 2 ** 20]);
  expect([await reserve.release(), await reserve.release()]).toEqual([true, false]);
  expect(sizes(files)).toEqual([]);
});

test('is held as far as there is room, and whole when there is more', async () => {
  const small = privateFolder(20 * 2 ** 20);
  const reserve = new OriginReserve(small.folder);
  expect([await reserve.take(), await reserve.take()]).toEqual([false, false]);
  expect(sizes(small.files)).toEqual([16 * 2 ** 20]);
  small.room.bytes = 2 ** 30;
  expect(await reserve.take()).toBe(true);
  expect(sizes(small.files)).toEqual([64 * 2 ** 20]);
  expect(await reserve.release()).toBe(true);
});

test('is not held where there is no room, or nothing to hold it in', async () => {
  const { folder } = privateFolder(1000);
  const reserve = new OriginReserve(folder);
  expect(await reserve.take()).toBe(false);
  expect(await reserve.release()).toBe(false);
  const none = new OriginReserve(undefined);
  expect([await none.take(), await none.release()]).toEqual([false, false]);
});

test('an error that is no refusal is not hidden', async () => {
  const reserve = new OriginReserve(async () => {
    throw new TypeError('a bug');
  });
  await expect(reserve.take()).rejects.toThrow('a bug');
});

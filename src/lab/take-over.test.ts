// What the tab that has a tree answers, word by word.
import { afterEach, expect, test, vi } from 'vitest';
import { FakeChannels } from '../../test/fake-channels.ts';
import { type Channel, Keeper, type Word } from './take-over.ts';

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

const keepers: Keeper[] = [];
afterEach(() => {
  for (const keeper of keepers.splice(0)) keeper.close();
});

function setUp(handOver: (anyway: () => boolean) => Promise<string | undefined>) {
  const channels = new FakeChannels();
  const errors: unknown[] = [];
  const keeper = new Keeper(channels.channel('d'), handOver, (error) => errors.push(error));
  keepers.push(keeper);
  const other: Channel = channels.channel('d');
  const heard: Word[] = [];
  other.onmessage = ({ data }) => heard.push(data);
  const ask = async (token: string, anyway = false): Promise<Word[]> => {
    heard.length = 0;
    other.postMessage({ say: 'take-over', token, anyway });
    await settle();
    return [...heard];
  };
  return { keeper, ask, heard, errors };
}

const kept: Word = { say: 'kept', why: 'full' };

test('who is refused before it listens hears why when it asks, and is not taken for silence', async () => {
  const handOver = vi.fn(async (anyway: () => boolean) => (anyway() ? undefined : 'full'));
  const { keeper, ask, heard } = setUp(handOver);
  keeper.seen('b');
  await settle();
  expect(heard).toEqual([{ say: 'handing-over' }, kept]);
  expect(await ask('b')).toEqual([kept]);
  // Seen in one more commit: it has its answer.
  keeper.seen('b');
  await settle();
  expect(handOver).toHaveBeenCalledTimes(1);
  // It was refused before it could say that it insists.
  expect(await ask('b', true)).toEqual([{ say: 'handing-over' }, { say: 'handed-over' }]);
});

test('where handing over fails, it is said, and whoever asks next is answered', async () => {
  const handOver = vi.fn<() => Promise<string | undefined>>();
  handOver.mockRejectedValueOnce(new Error('no luck'));
  const { ask, errors } = setUp(handOver);
  expect(await ask('b')).toEqual([{ say: 'handing-over' }, { say: 'kept', why: expect.stringContaining('no luck') }]);
  expect(errors).toHaveLength(1);
  handOver.mockResolvedValueOnce(undefined);
  expect((await ask('c')).at(-1)).toEqual({ say: 'handed-over' });
});

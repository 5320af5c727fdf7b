// SPDX-License-Identifier: MIT
/*
 * lab-fsx: seeded random operations on one file, by every way there is to its content, against a model of it in memory.
 *
 *   lab-fsx FILE OPERATIONS SEED [SIZE]
 *
 * Reads, writes, appends, mappings, truncations, holes, zeroed ranges, allocations, copies within the file and from a
 * second one, direct I/O, seeks to data and holes, syncs, dropped caches, closing and opening again. SIZE (default 262144)
 * is what the file grows to. Prints the last operations and ends with 1 where the file is not the model; removes it else.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, HISTORY = 40, OTHER = 65536 };

static const char *path;
static int fd, direct, other;
static unsigned limit = 262144, size;
static unsigned char *model, *buffer, *donor;
static uint64_t state;
static char history[HISTORY][96];
static long done;

static void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(history[done % HISTORY], sizeof *history, format, args);
	va_end(args);
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	for (long i = done < HISTORY ? 0 : done - HISTORY + 1; i <= done; i++)
		fprintf(stderr, "%6ld %s\n", i, history[i % HISTORY]);
	fprintf(stderr, "lab-fsx: operation %ld: ", done);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (errno: %s)\n", strerror(error));
	exit(1);
}

#define check(condition) ((condition) ? (void)0 : fail("line %d: not so: %s", __LINE__, #condition))

static unsigned below(unsigned n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

/* An offset; often at a page or where the server's chunks (60 KiB) meet. */
static unsigned offset_in(unsigned end)
{
	unsigned at = below(end), step = below(2) ? PAGE : 61440;

	switch (below(6)) {
	case 0:
		return at - at % step;
	case 1:
		return at - at % step ? at - at % step - 1 : at;
	}
	return at;
}

static unsigned length_from(unsigned at)
{
	unsigned room = limit - at, length = 1 + below(room);

	return below(3) ? 1 + (length - 1) % (2 * PAGE) : length;
}

static void same(const unsigned char *bytes, unsigned at, unsigned length, const char *how)
{
	if (!memcmp(bytes, model + at, length))
		return;
	for (unsigned i = 0; i < length; i++) {
		if (bytes[i] != model[at + i])
			fail("%s: byte %u is %02x and should be %02x", how, at + i, bytes[i], model[at + i]);
	}
}

static void grown(unsigned end)
{
	if (end > size)
		size = end;
}

static void fill(unsigned at, unsigned length)
{
	unsigned seed = below(251);

	for (unsigned i = 0; i < length; i++)
		model[at + i] = 1 + (seed + i * 3 + (at + i) / 509) % 255;
}

static void reopen(void)
{
	check(close(fd) == 0);
	fd = open(path, O_RDWR);
	check(fd >= 0);
}

static void drop_caches(void)
{
	int drop = open("/proc/sys/vm/drop_caches", O_WRONLY);

	check(fsync(fd) == 0 && drop >= 0 && write(drop, "3", 1) == 1 && close(drop) == 0);
}

static void read_part(int from, const char *how)
{
	unsigned at = offset_in(limit), length = length_from(at), there = at >= size ? 0 : size - at;

	if (there > length)
		there = length;
	note("%s %u+%u", how, at, length);
	check(pread(from, buffer, length, at) == (ssize_t)there);
	same(buffer, at, there, how);
}

static void write_part(int to, const char *how)
{
	unsigned at = offset_in(limit), length = length_from(at);

	note("%s %u+%u", how, at, length);
	fill(at, length);
	check(pwrite(to, model + at, length, at) == (ssize_t)length);
	grown(at + length);
}

static void append(void)
{
	unsigned length;
	int to;

	if (size == limit)
		return;
	length = length_from(size);
	note("append %u+%u", size, length);
	to = open(path, O_WRONLY | O_APPEND);
	fill(size, length);
	check(to >= 0 && write(to, model + size, length) == (ssize_t)length && close(to) == 0);
	size += length;
}

static void map_part(int writes)
{
	unsigned at, length, page;
	unsigned char *bytes;

	if (size == 0)
		return;
	at = offset_in(size);
	length = length_from(at);
	if (length > size - at)
		length = size - at;
	page = at & ~(PAGE - 1);
	note("%s %u+%u", writes ? "mapwrite" : "mapread", at, length);
	bytes = mmap(NULL, at + length - page, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, page);
	check(bytes != MAP_FAILED);
	same(bytes + at - page, at, length, "mapping");
	if (writes) {
		fill(at, length);
		memcpy(bytes + at - page, model + at, length);
		if (below(3) == 0)
			check(msync(bytes, at + length - page, MS_SYNC) == 0);
		/* What the mapping wrote is there for read at once. */
		check(pread(fd, buffer, length, at) == (ssize_t)length);
		same(buffer, at, length, "read of what was mapped");
	}
	/* Behind the end of the file the last page is zero. */
	if (at + length == size) {
		for (unsigned i = size; i % PAGE; i++)
			check(bytes[i - page] == 0);
	}
	check(munmap(bytes, at + length - page) == 0);
}

static void cut(void)
{
	unsigned to = below(10) ? offset_in(limit) : 0;

	note("truncate %u (from %u)", to, size);
	check((below(2) ? ftruncate(fd, to) : truncate(path, to)) == 0);
	if (to < size)
		memset(model + to, 0, size - to);
	size = to;
}

static void change_range(void)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	int mode = modes[below(5)];
	unsigned at = offset_in(limit), length = length_from(at), end;

	note("fallocate %#x %u+%u", mode, at, length);
	if (fallocate(fd, mode, at, length)) {
		check(errno == EOPNOTSUPP);
		return;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		grown(at + length);
	end = at + length < size ? at + length : size;
	if ((mode & ~FALLOC_FL_KEEP_SIZE) && at < end)
		memset(model + at, 0, end - at);
}

static void copy_part(void)
{
	int inside = below(2);
	unsigned from = offset_in(inside ? limit : OTHER), to = offset_in(limit), length = 1 + below(40000), there;
	loff_t in = from, out = to;

	if (length > limit - to)
		length = limit - to;
	there = inside ? size : OTHER;
	there = from >= there ? 0 : there - from;
	if (there > length)
		there = length;
	note("copy %s %u+%u to %u", inside ? "inside" : "from another", from, length, to);
	/* The kernel cuts the length off at the end of the file before it compares the two ranges. */
	if (inside && there && from < to + there && to < from + there) {
		errno = 0;
		check(copy_file_range(fd, &in, fd, &out, length, 0) < 0 && errno == EINVAL);
		return;
	}
	while (there) {
		ssize_t n = copy_file_range(inside ? fd : other, &in, fd, &out, there, 0);

		check(n > 0 && n <= (ssize_t)there);
		memmove(model + to, (inside ? model : donor) + from, n);
		grown(to + n);
		from += n;
		to += n;
		there -= n;
	}
	check(in == from && out == to);
}

static void seek_part(void)
{
	off_t at = offset_in(limit), data, hole;

	note("seek from %u", (unsigned)at);
	errno = 0;
	data = lseek(fd, at, SEEK_DATA);
	/* With writeback the server may be behind, and says that it cannot tell. */
	if (data < 0 && errno == EINVAL)
		return;
	if (data < 0) {
		check(errno == ENXIO);
		data = size > at ? size : at;
	} else
		check(data >= at && data < (off_t)size);
	/* What is skipped is zero. */
	for (off_t i = at; i < data; i++)
		check(model[i] == 0);
	errno = 0;
	hole = lseek(fd, at, SEEK_HOLE);
	check(at >= (off_t)size ? hole < 0 && errno == ENXIO : hole >= at && hole <= (off_t)size);
}

static void look(void)
{
	struct stat st;

	note("stat");
	check(fstat(fd, &st) == 0 && st.st_size == size && stat(path, &st) == 0 && st.st_size == size);
	/* No more room than the file is long, and what the last piece of 60 KiB may round up. */
	check((unsigned long long)st.st_blocks * 512 <= (limit + 61440ull));
}

static void in_a_child(void)
{
	int status;

	note("another process");
	if (!fork()) {
		int own = open(path, O_RDONLY);

		check(own >= 0);
		check(pread(own, buffer, limit, 0) == (ssize_t)size);
		same(buffer, 0, size, "another process");
		_exit(0);
	}
	check(wait(&status) > 0 && status == 0);
}

static void step(void)
{
	switch (below(20)) {
	case 0:
	case 1:
	case 2:
		return write_part(fd, "write");
	case 3:
	case 4:
		return read_part(fd, "read");
	case 5:
		return write_part(direct, "direct write");
	case 6:
		return read_part(direct, "direct read");
	case 7:
		return append();
	case 8:
	case 9:
		return map_part(1);
	case 10:
		return map_part(0);
	case 11:
		return cut();
	case 12:
	case 13:
		return change_range();
	case 14:
	case 15:
		return copy_part();
	case 16:
		return seek_part();
	case 17:
		return look();
	}
	switch (below(5)) {
	case 0:
		note("reopen");
		return reopen();
	case 1:
		note("drop caches");
		return drop_caches();
	case 2:
		note("fsync");
		check((below(2) ? fsync(fd) : fdatasync(fd)) == 0);
		return;
	case 3:
		return in_a_child();
	}
	note("read of all");
	check(pread(fd, buffer, limit, 0) == (ssize_t)size);
	same(buffer, 0, size, "read of all");
}

int main(int argc, char **argv)
{
	char name[4096];
	long operations;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: lab-fsx FILE OPERATIONS SEED [SIZE]\n");
		return 2;
	}
	path = argv[1];
	operations = atol(argv[2]);
	state = (strtoull(argv[3], NULL, 10) + 1) * 0x9e3779b97f4a7c15ull;
	if (argc > 4)
		limit = atoi(argv[4]);
	note("set up");
	model = calloc(limit + PAGE, 1);
	buffer = malloc(limit + PAGE);
	donor = malloc(OTHER);
	for (int i = 0; i < OTHER; i++)
		donor[i] = i * 7 + i / 300;
	snprintf(name, sizeof name, "%s.other", path);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
	other = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	check(fd >= 0 && other >= 0 && write(other, donor, OTHER) == OTHER);
	/* Where there is no direct I/O (tmpfs of old), the same without. */
	direct = open(path, O_RDWR | O_DIRECT);
	if (direct < 0)
		direct = open(path, O_RDWR);
	check(direct >= 0);
	for (done = 0; done < operations; done++)
		step();
	note("read of all at the end");
	drop_caches();
	check(pread(fd, buffer, limit, 0) == (ssize_t)size);
	same(buffer, 0, size, "read of all at the end");
	check(unlink(path) == 0 && unlink(name) == 0);
	printf("%ld operations\n", operations);
	return 0;
}

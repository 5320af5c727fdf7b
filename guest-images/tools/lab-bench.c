// SPDX-License-Identifier: MIT
/*
 * lab-bench: one measured piece of file work, for the project's benchmark.
 *
 *   lab-bench DIR WORKLOAD...     prints "WORKLOAD <milliseconds>" for each, from CLOCK_MONOTONIC
 *
 *   write-stream  32 MiB in writes of 1 MiB, then fsync
 *   read-cold     the same file read in 1 MiB pieces, page cache dropped before
 *   read-warm     and once more, from the page cache
 *   create        2,500 files of 1 KiB: open, write, close
 *   stat          stat of each
 *   list          readdir and stat of each, caches dropped before
 *   read-small    open, read, close of each, caches dropped before
 *   remove        unlink of each
 *   miss          stat of 4,000 names that do not exist, none of them asked for before
 *
 * What a workload needs (the big file, the small files) is made first, outside of the measured time; files are below
 * DIR/lab-bench.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, STREAM_MIB = 32, FILES = 2500, SMALL = 1024, MISSES = 4000 };

static char block[MIB];
static const char big[] = "big";
static const char small[] = "small";

static void die(const char *what)
{
	fprintf(stderr, "lab-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static const char *small_name(int i)
{
	static char name[32];

	snprintf(name, sizeof name, "small/f%04d", i);
	return name;
}

static void write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0)
			die("write");
		bytes += n;
		length -= n;
	}
}

static void drop_caches(void)
{
	int fd;

	sync();
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (fd < 0 || write(fd, "3", 1) != 1)
		die("drop_caches");
	close(fd);
}

static void write_stream(void)
{
	int fd = open(big, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(big);
	for (int i = 0; i < STREAM_MIB; i++)
		write_all(fd, block, MIB);
	if (fsync(fd) < 0 || close(fd) < 0)
		die("fsync");
}

static void read_stream(void)
{
	int fd = open(big, O_RDONLY);
	long total = 0;
	ssize_t n;

	if (fd < 0)
		die(big);
	while ((n = read(fd, block, MIB)) > 0)
		total += n;
	if (n < 0 || total != STREAM_MIB * MIB) {
		errno = EIO;
		die("read of the big file");
	}
	close(fd);
}

static void create_files(void)
{
	for (int i = 0; i < FILES; i++) {
		int fd = open(small_name(i), O_WRONLY | O_CREAT | O_TRUNC, 0644);

		if (fd < 0)
			die("create");
		write_all(fd, block, SMALL);
		if (close(fd) < 0)
			die("close");
	}
}

static void stat_files(void)
{
	struct stat st;

	for (int i = 0; i < FILES; i++)
		if (stat(small_name(i), &st) < 0 || st.st_size != SMALL)
			die("stat");
}

static void list_files(void)
{
	DIR *dir = opendir(small);
	struct dirent *e;
	struct stat st;
	int count = 0;

	if (!dir)
		die(small);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (fstatat(dirfd(dir), e->d_name, &st, 0) < 0)
			die("stat");
		count++;
	}
	closedir(dir);
	if (count != FILES) {
		errno = EIO;
		die("readdir");
	}
}

static void read_files(void)
{
	for (int i = 0; i < FILES; i++) {
		int fd = open(small_name(i), O_RDONLY);

		if (fd < 0 || read(fd, block, SMALL) != SMALL)
			die("read");
		close(fd);
	}
}

static void remove_files(void)
{
	for (int i = 0; i < FILES; i++)
		if (unlink(small_name(i)) < 0)
			die("unlink");
}

static void miss(void)
{
	static unsigned round;
	struct timespec t;
	struct stat st;
	char name[64];

	clock_gettime(CLOCK_MONOTONIC, &t);
	round++;
	for (int i = 0; i < MISSES; i++) {
		snprintf(name, sizeof name, "small/no-%lx-%u-%d", t.tv_sec * 1000 + t.tv_nsec / 1000000, round, i);
		if (stat(name, &st) == 0 || errno != ENOENT)
			die("a name that should not exist");
	}
}

static void need_big(void)
{
	struct stat st;

	if (stat(big, &st) < 0 || st.st_size != STREAM_MIB * MIB)
		write_stream();
}

static void need_big_cold(void)
{
	need_big();
	drop_caches();
}

static void need_big_warm(void)
{
	need_big();
	read_stream();
}

static void need_files(void)
{
	struct stat st;

	if (stat(small_name(0), &st) < 0 || stat(small_name(FILES - 1), &st) < 0)
		create_files();
}

static void need_files_cold(void)
{
	need_files();
	drop_caches();
}

static void need_no_files(void)
{
	for (int i = 0; i < FILES; i++)
		if (unlink(small_name(i)) < 0 && errno != ENOENT)
			die("unlink");
}

static void need_no_big(void)
{
	if (unlink(big) < 0 && errno != ENOENT)
		die("unlink");
	sync();
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*prepare)(void);
	void (*work)(void);
} workloads[] = {
	{ "write-stream", need_no_big, write_stream },
	{ "read-cold", need_big_cold, read_stream },
	{ "read-warm", need_big_warm, read_stream },
	{ "create", need_no_files, create_files },
	{ "stat", need_files, stat_files },
	{ "list", need_files_cold, list_files },
	{ "read-small", need_files_cold, read_files },
	{ "remove", need_files, remove_files },
	{ "miss", nothing, miss },
};

static int run(const char *name)
{
	for (unsigned i = 0; i < sizeof workloads / sizeof *workloads; i++) {
		double begin;

		if (strcmp(name, workloads[i].name))
			continue;
		workloads[i].prepare();
		begin = now_ms();
		workloads[i].work();
		printf("%s %.3f\n", name, now_ms() - begin);
		fflush(stdout);
		return 0;
	}
	fprintf(stderr, "lab-bench: no workload '%s'\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: lab-bench DIR WORKLOAD...\n");
		return 2;
	}
	for (int i = 0; i < MIB; i++)
		block[i] = i * 7 + (i >> 10);
	if (chdir(argv[1]) < 0)
		die(argv[1]);
	if ((mkdir("lab-bench", 0755) < 0 && errno != EEXIST) || chdir("lab-bench") < 0)
		die("lab-bench");
	if (mkdir(small, 0755) < 0 && errno != EEXIST)
		die(small);
	for (int i = 2; i < argc; i++) {
		int status = run(argv[i]);

		if (status)
			return status;
	}
	return 0;
}

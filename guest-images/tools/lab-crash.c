// SPDX-License-Identifier: MIT
/*
 * lab-crash: does a recorded workload (test/crash/workload.ts) and tells of each sync that came back, at once.
 *
 *   lab-crash DIR LINE FIRST < WORKLOAD
 *
 * A line of the workload is the errno that the operation has to end with, 0 for none, a verb, and its arguments; paths
 * are relative to DIR. Each operation is one system call that changes anything. Lines count from FIRST; when fsync or
 * sync have come back, "<ack NUMBER>" is written to LINE, a terminal line. Ends with 0, or with 1 at the first
 * operation that does not end as it should.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { WORDS = 8 };

static char *word[WORDS];

static long long number(int at)
{
	return strtoll(word[at], NULL, 10);
}

/* The bytes that a seed stands for (bytesOf of test/crash/model.ts). */
static char *bytes(uint32_t seed, size_t length)
{
	static char *buffer;
	static size_t room;

	if (length > room) {
		buffer = realloc(buffer, room = length);
		if (!buffer)
			abort();
	}
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525u + 1013904223u;
		buffer[i] = (char)(seed >> 24);
	}
	return buffer;
}

/* Closes a file without losing the errno of what was done to it. */
static int closed(int fd, int result)
{
	int error = errno;

	close(fd);
	errno = error;
	return result;
}

static int do_write(void)
{
	size_t length = number(3);
	int fd = open(word[1], O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = pwrite(fd, bytes(number(4), length), length, number(2));
	if (n >= 0 && n != (ssize_t)length) {
		errno = EIO;
		n = -1;
	}
	return closed(fd, n < 0 ? -1 : 0);
}

static int do_sync(const char *path, int (*how)(int))
{
	int fd = open(path, O_RDONLY);

	return fd < 0 ? -1 : closed(fd, how(fd));
}

static int do_times(void)
{
	struct timespec times[2] = { { .tv_sec = number(2), .tv_nsec = number(3) },
				     { .tv_sec = number(4), .tv_nsec = number(5) } };

	return utimensat(AT_FDCWD, word[1], times, AT_SYMLINK_NOFOLLOW);
}

/* Does what the words say; 1 for a sync, 0, or -1 with errno. */
static int perform(void)
{
	const char *verb = word[0];

	if (!strcmp(verb, "write"))
		return do_write();
	if (!strcmp(verb, "mknod"))
		return mknod(word[1], number(2), makedev(number(3) >> 8, number(3) & 255));
	if (!strcmp(verb, "mkdir"))
		return mkdir(word[1], number(2));
	if (!strcmp(verb, "symlink"))
		return symlink(word[2], word[1]);
	if (!strcmp(verb, "link"))
		return link(word[1], word[2]);
	if (!strcmp(verb, "unlink"))
		return unlink(word[1]);
	if (!strcmp(verb, "rmdir"))
		return rmdir(word[1]);
	if (!strcmp(verb, "rename"))
		return renameat2(AT_FDCWD, word[1], AT_FDCWD, word[2], number(3));
	if (!strcmp(verb, "truncate"))
		return truncate(word[1], number(2));
	if (!strcmp(verb, "chmod"))
		return chmod(word[1], number(2));
	if (!strcmp(verb, "chown"))
		return lchown(word[1], number(2), number(3));
	if (!strcmp(verb, "times"))
		return do_times();
	if (!strcmp(verb, "setxattr"))
		return lsetxattr(word[1], word[2], bytes(number(4), number(3)), number(3), 0);
	if (!strcmp(verb, "removexattr"))
		return lremovexattr(word[1], word[2]);
	/* Kept open until the end: a file whose last name goes meanwhile is still there. */
	if (!strcmp(verb, "hold"))
		return open(word[1], O_RDONLY) < 0 ? -1 : 0;
	if (!strcmp(verb, "fsync"))
		return do_sync(word[1], fsync) < 0 ? -1 : 1;
	if (!strcmp(verb, "sync"))
		return do_sync(".", syncfs) < 0 ? -1 : 1;
	errno = ENOSYS;
	return -1;
}

int main(int argc, char **argv)
{
	static char line[8192], copy[8192];
	int tty, result;
	long at;

	if (argc != 4) {
		fprintf(stderr, "usage: lab-crash DIR LINE FIRST < WORKLOAD\n");
		return 2;
	}
	tty = open(argv[2], O_WRONLY | O_NOCTTY);
	if (tty < 0 || chdir(argv[1])) {
		perror("lab-crash");
		return 1;
	}
	umask(0);
	for (at = atol(argv[3]); fgets(line, sizeof line, stdin); at++) {
		int words = 0, expected;

		line[strcspn(line, "\n")] = 0;
		strcpy(copy, line);
		expected = atoi(strtok(copy, " "));
		while (words < WORDS && (word[words] = strtok(NULL, " ")))
			words++;
		for (int i = words; i < WORDS; i++)
			word[i] = "";
		errno = 0;
		result = perform();
		if (result < 0 ? errno != expected : expected != 0) {
			fprintf(stderr, "lab-crash: line %ld, %s: %s\n", at, line, result < 0 ? strerror(errno) : "done");
			return 1;
		}
		if (result > 0)
			dprintf(tty, "<ack %ld>\n", at);
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * lab-lock: file locks from scripts. Opens FILE, which is made where it is missing, and does the commands in one process,
 * one after the other. Each of those that lock prints a line: what it was, and what came of it.
 *
 *   lab-lock FILE COMMAND...
 *
 *   posix, ofd, flock          whose locks the next commands are about: those of fcntl(2) that belong to a process (at
 *                              first), those that belong to an open file (F_OFD_SETLK), or those of flock(2)
 *   read RANGE, write RANGE    locks, if that is possible at once (flock: shared, exclusive; a range is not named)
 *   wait-read RANGE, wait-write RANGE
 *                              locks, and waits for it
 *   unlock RANGE               gives back
 *   test-read RANGE, test-write RANGE
 *                              who is in the way: "free", or the first lock and its process (not with flock)
 *   open FILE, open-read FILE, open-write FILE
 *                              one more descriptor, which the next commands use
 *   dup                        likewise, of the same open file
 *   close                      closes the descriptor in use; the one before is in use again
 *   run COMMAND                runs it in a shell, while the locks are held
 *   fork ... join              a child does what is between them and ends; this process waits for it (no fork within)
 *   await PID                  waits until that process waits for a lock
 *   say TEXT                   prints it
 *
 * A RANGE is 5-9 (bytes 5 to 9, both of them), 5- (from 5 to the end of whatever the file becomes) or all.
 * Ends with 0 where every command could be done; a lock that was refused is no failure.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { POSIX, OFD, FLOCK };

static const char *const kinds[] = {"posix", "ofd", "flock"};
static int files[64];
static int used;
static enum kind kind = POSIX;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "lab-lock: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, error ? ": %s\n" : "\n", strerror(error));
	exit(2);
}

static const char *error_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : strerror(error);
}

static void add(int fd, const char *name)
{
	if (fd < 0)
		fail("cannot open %s", name);
	if (used == sizeof files / sizeof *files)
		fail("too many files");
	files[used++] = fd;
}

/* The bytes that a word names; l_len 0 is up to the end. */
static struct flock range(const char *text)
{
	struct flock lock = {.l_whence = SEEK_SET};
	char *end;
	uint64_t first, last;

	errno = 0;
	if (!strcmp(text, "all"))
		return lock;
	first = strtoull(text, &end, 0);
	if (end == text || *end != '-')
		fail("%s is no range", text);
	lock.l_start = first;
	if (end[1] == '\0')
		return lock;
	last = strtoull(end + 1, &end, 0);
	if (*end || last < first)
		fail("%s is no range", text);
	lock.l_len = last - first + 1;
	return lock;
}

static void print_range(const struct flock *lock)
{
	if (lock->l_len == 0)
		printf(lock->l_start == 0 ? "all" : "%lld-", (long long)lock->l_start);
	else
		printf("%lld-%lld", (long long)lock->l_start, (long long)(lock->l_start + lock->l_len - 1));
}

static void result(int failed)
{
	printf(": %s\n", failed ? error_name(errno) : "ok");
	fflush(stdout);
}

static void flock_file(const char *command, int operation)
{
	int failed = flock(files[used - 1], operation);

	printf("flock %s", command);
	result(failed);
}

/* One of fcntl's: `command` as it was given, `type` F_*LCK. */
static void fcntl_file(const char *command, const char *where, short type)
{
	static const int plain[] = {F_SETLK, F_OFD_SETLK}, waits[] = {F_SETLKW, F_OFD_SETLKW}, tests[] = {F_GETLK, F_OFD_GETLK};
	bool test = !strncmp(command, "test-", 5), wait = !strncmp(command, "wait-", 5);
	struct flock lock = range(where), found;
	int failed;

	lock.l_type = type;
	found = lock;
	failed = fcntl(files[used - 1], test ? tests[kind] : wait ? waits[kind] : plain[kind], &found);
	printf("%s %s ", kinds[kind], command);
	print_range(&lock);
	if (failed || !test) {
		result(failed);
		return;
	}
	if (found.l_type == F_UNLCK) {
		printf(": free\n");
	} else {
		printf(": %s ", found.l_type == F_WRLCK ? "write" : "read");
		print_range(&found);
		printf(" pid %d\n", (int)found.l_pid);
	}
	fflush(stdout);
}

/* Until the process is asleep in a call that waits for a lock, as /proc/PID/syscall tells. */
static void await_waiter(const char *pid)
{
	char path[64], line[256];
	long call;
	unsigned long fd, command;

	snprintf(path, sizeof path, "/proc/%s/syscall", pid);
	for (;;) {
		FILE *file = fopen(path, "r");

		if (!file || !fgets(line, sizeof line, file))
			fail("no process %s", pid);
		fclose(file);
		if (sscanf(line, "%ld %lx %lx", &call, &fd, &command) == 3) {
			bool by_range = call == SYS_fcntl64 && (command == F_SETLKW || command == F_OFD_SETLKW);

			if (by_range || (call == SYS_flock && !(command & LOCK_NB)))
				return;
		}
		usleep(5000);
	}
}

static void finish_child(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		fail("waitpid");
	if (status != 0)
		exit(2);
}

/* A command of one word. Returns whether it was one. */
static bool simple(const char *command)
{
	for (int i = POSIX; i <= FLOCK; i++) {
		if (!strcmp(command, kinds[i])) {
			kind = i;
			return true;
		}
	}
	if (!strcmp(command, "dup"))
		add(dup(files[used - 1]), "a duplicate");
	else if (!strcmp(command, "close") && used > 1)
		close(files[--used]);
	else
		return false;
	return true;
}

static bool lock_command(const char *command, const char *where)
{
	static const struct {
		const char *name;
		int type, operation;
	} commands[] = {
		{"read", F_RDLCK, LOCK_SH | LOCK_NB}, {"write", F_WRLCK, LOCK_EX | LOCK_NB},
		{"wait-read", F_RDLCK, LOCK_SH},      {"wait-write", F_WRLCK, LOCK_EX},
		{"test-read", F_RDLCK, -1},           {"test-write", F_WRLCK, -1},
		{"unlock", F_UNLCK, LOCK_UN},
	};

	for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(command, commands[i].name))
			continue;
		errno = 0;
		if (kind != FLOCK && !where)
			fail("%s wants a range", command);
		if (kind == FLOCK && commands[i].operation < 0)
			fail("flock cannot be asked who has it");
		if (kind == FLOCK)
			flock_file(command, commands[i].operation);
		else
			fcntl_file(command, where, commands[i].type);
		return true;
	}
	return false;
}

/* A command and one word more. Returns whether it was one. */
static bool with_word(const char *command, const char *word)
{
	if (!strcmp(command, "open"))
		add(open(word, O_RDWR | O_CREAT, 0644), word);
	else if (!strcmp(command, "open-read"))
		add(open(word, O_RDONLY), word);
	else if (!strcmp(command, "open-write"))
		add(open(word, O_WRONLY), word);
	else if (!strcmp(command, "run"))
		system(word) == 0 ? (void)0 : fail("'%s' has failed", word);
	else if (!strcmp(command, "await"))
		await_waiter(word);
	else if (!strcmp(command, "say"))
		puts(word), fflush(stdout);
	else
		return false;
	return true;
}

/* From `at` on to the end, or to "join" where a child does it. */
static int commands(int argc, char **argv, int at, bool child)
{
	while (at < argc) {
		const char *command = argv[at++];

		if (!strcmp(command, "fork")) {
			pid_t pid = fork();

			if (pid < 0)
				fail("fork");
			if (pid == 0) {
				commands(argc, argv, at, true);
				exit(0);
			}
			finish_child(pid);
			while (at < argc && strcmp(argv[at], "join"))
				at++;
			at++;
		} else if (!strcmp(command, "join") && child) {
			return at;
		} else if (lock_command(command, at < argc ? argv[at] : NULL)) {
			at += kind != FLOCK;
		} else if (!simple(command)) {
			errno = 0;
			if (at == argc || !with_word(command, argv[at++]))
				fail("%s is no command, or lacks a word", command);
		}
	}
	return at;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: lab-lock FILE COMMAND...\n"
				"  posix|ofd|flock, [wait-]read|write RANGE, unlock RANGE, test-read|test-write RANGE,\n"
				"  open|open-read|open-write FILE, dup, close, run COMMAND, fork ... join, await PID, say TEXT\n"
				"A RANGE is 5-9, 5- or all; flock has none.\n");
		return 2;
	}
	add(open(argv[1], O_RDWR | O_CREAT, 0644), argv[1]);
	commands(argc, argv, 2, false);
	return 0;
}
